//go:build tinygo.wasm

package domainhook

import (
	"unsafe"

	"ameide.dev/extension/internal/glue"
	"ameide.dev/extension/internal/wit"
)

//go:wasmexport evaluate
func export(point unsafe.Pointer, pointSize uint32, entity unsafe.Pointer, entitySize uint32) unsafe.Pointer {
	made, err := handler(wit.Text(point, pointSize), wit.Bytes(entity, entitySize))
	if err != nil {
		return wit.Refuse(glue.Reason(err))
	}
	return wit.Judge(made.OK(), made.Messages(), made.derived)
}

//go:build tinygo.wasm

package processhook

import (
	"unsafe"

	"ameide.dev/extension/internal/glue"
	"ameide.dev/extension/internal/wit"
)

//go:wasmexport run
func export(task unsafe.Pointer, taskSize uint32, variables unsafe.Pointer, variablesSize uint32) unsafe.Pointer {
	result, err := handler(wit.Text(task, taskSize), wit.Bytes(variables, variablesSize))
	if err != nil {
		return wit.Refuse(glue.Reason(err))
	}
	return wit.Answer(result)
}

//go:build tinygo.wasm

package agenttool

import (
	"unsafe"

	"ameide.dev/extension/internal/glue"
	"ameide.dev/extension/internal/wit"
)

//go:wasmexport describe
func exportDescribe() unsafe.Pointer {
	return wit.Describe(description.Name, description.Description, description.Input, description.Output)
}

//go:wasmexport call
func exportCall(arguments unsafe.Pointer, size uint32) unsafe.Pointer {
	result, err := handler(wit.Bytes(arguments, size))
	if err != nil {
		return wit.Refuse(glue.Reason(err))
	}
	return wit.Answer(result)
}

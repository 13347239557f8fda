// Package agenttool makes a deterministic tool of an agent of one function.
package agenttool

import (
	"ameide.dev/extension"
	"ameide.dev/extension/internal/glue"
)

// Description is how an agent sees a tool.
type Description struct {
	// Name is what a model calls: [a-z][a-z0-9_]*, at most 64 bytes.
	Name string
	// Description says what the tool does and when to use it, for a model to read.
	Description string
	// Input is the JSON Schema of the arguments; embed a file of schemas/.
	Input string
	// Output is the JSON Schema of the result.
	Output string
}

// Call runs the tool on arguments that match its input schema.
type Call[A, R any] func(ctx extension.Context, arguments A) (R, error)

var (
	description Description
	handler     = func([]byte) ([]byte, error) { return nil, extension.Failed(glue.Missing) }
)

// Handle makes a function the tool: call it once, in an init().
func Handle[A, R any](described Description, call Call[A, R]) {
	description = described
	handler = func(text []byte) ([]byte, error) {
		var arguments A
		if err := glue.Read(text, &arguments); err != nil {
			return nil, err
		}
		result, err := call(extension.Context{}, arguments)
		if err != nil {
			return nil, err
		}
		return glue.Write(result)
	}
}

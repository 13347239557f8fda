// Package processhook makes an extension task of a workflow of one function.
package processhook

import (
	"ameide.dev/extension"
	"ameide.dev/extension/internal/glue"
)

// Run works on the workflow's variables; the context's point is the task. Its
// answer is a struct or a map: the variables to set, of which null clears one.
type Run[V, R any] func(ctx extension.Context, variables V) (R, error)

// handler reads the variables and runs the task, whatever their types.
var handler = func(string, []byte) ([]byte, error) { return nil, extension.Failed(glue.Missing) }

// Handle makes a function the extension: call it once, in an init().
func Handle[V, R any](run Run[V, R]) {
	handler = func(task string, text []byte) ([]byte, error) {
		var variables V
		if err := glue.Read(text, &variables); err != nil {
			return nil, err
		}
		result, err := run(extension.At(task), variables)
		if err != nil {
			return nil, err
		}
		return glue.Write(result)
	}
}

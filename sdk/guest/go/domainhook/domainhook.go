// Package domainhook makes a check or derivation before or after a domain
// command of one function.
package domainhook

import (
	"ameide.dev/extension"
	"ameide.dev/extension/internal/glue"
)

// Evaluate judges one entity at the context's hook point.
type Evaluate[E any] func(ctx extension.Context, entity E) (extension.Verdict, error)

type verdict struct {
	extension.Verdict
	derived []byte
}

// handler reads the entity and judges it, whatever its type.
var handler = func(string, []byte) (verdict, error) { return verdict{}, extension.Failed(glue.Missing) }

// Handle makes a function the extension: call it once, in an init().
func Handle[E any](evaluate Evaluate[E]) {
	handler = func(point string, text []byte) (made verdict, err error) {
		var entity E
		if err = glue.Read(text, &entity); err != nil {
			return made, err
		}
		if made.Verdict, err = evaluate(extension.At(point), entity); err != nil {
			return made, err
		}
		made.derived, err = made.Derived()
		return made, err
	}
}

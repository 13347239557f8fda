// A guest that crosses every border of the sandbox; check.mjs is its host.
package main

import (
	"ameide.dev/extension"
	"ameide.dev/extension/host"
	"ameide.dev/extension/log"
	"ameide.dev/extension/processhook"
)

func init() { processhook.Handle(run) }

func run(ctx extension.Context, variables map[string]any) (map[string]any, error) {
	known := ctx.Execution()
	log.Warn("in ", ctx.Point(), " for ", known.TenantID, ", ", known.ActorType)
	answer, err := host.Call[map[string]any]("orders", "get", variables)
	if err != nil {
		return nil, err
	}
	return map[string]any{"known": known, "answer": answer}, nil
}

func main() {}

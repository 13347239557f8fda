//go:build !tinygo.wasm

package wit

import "os"

var levels = [...]string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}

// Current is a fixed context: there is no host outside of the sandbox.
func Current() Context {
	return Context{
		TenantID: "test", UserID: "tester", CorrelationID: "test", Env: "dev", ExtensionID: "extension", HookPoint: "Test", Version: 1, DeadlineMS: 1000,
	}
}

// Log writes to stderr.
func Log(level uint8, text string) { os.Stderr.WriteString(levels[level] + " " + text + "\n") }

// Call denies: there is no platform outside of the sandbox.
func Call(service, method string, _ []byte) ([]byte, *CallError) {
	return nil, &CallError{Text: service + "." + method + ": there is no platform outside of the sandbox; script its answer in a test case"}
}

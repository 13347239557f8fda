// Package glue is what the packages of the kinds share.
package glue

import (
	"ameide.dev/extension"
	"ameide.dev/extension/json"
)

// Missing is what an extension answers whose author registered no function.
const Missing = "the extension registers no function: call Handle in an init()"

// Read reads the input; what does not fit is the caller's matter.
func Read(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return extension.InvalidInput(err)
	}
	return nil
}

// Write writes a result; one that is no JSON is the extension's own fault.
func Write(result any) ([]byte, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return nil, extension.Failed("result: ", err)
	}
	return text, nil
}

// Reason is the case of hook-error that an error becomes, and its text.
func Reason(err error) (uint8, string) {
	for cause := err; cause != nil; {
		if hook, ok := cause.(*extension.HookError); ok {
			return uint8(hook.Reason), err.Error()
		}
		wrapped, ok := cause.(interface{ Unwrap() error })
		if !ok {
			break
		}
		cause = wrapped.Unwrap()
	}
	return uint8(extension.ReasonFailed), err.Error()
}

// Package host calls platform APIs under the caller's identity.
//
// Only methods that extension.toml declares are answered. An extension that
// does not call does not import host calls at all.
package host

import (
	"ameide.dev/extension/internal/wit"
	"ameide.dev/extension/json"
)

// Kind tells why a call gave no answer.
type Kind uint8

// The first five in the order of the WIT.
const (
	// Denied is not declared by extension.toml, or not granted in this environment.
	Denied Kind = iota
	// BudgetExhausted says that the invocation's number of host calls is used up.
	BudgetExhausted
	// NotFound is no such service, method or object.
	NotFound
	// Failed is a failure of the platform API.
	Failed
	// Deadline says that the invocation's time ran out.
	Deadline
	// Unfit is a request that is no JSON, or an answer that does not fit its type.
	Unfit
)

// Error is why a call gave no answer. Returned by an extension as it stands,
// it fails the extension.
type Error struct {
	Kind Kind
	Text string
}

var words = [...]string{"denied", "no host calls left", "not found", "failed", "no time left", "unfit JSON"}

func (e *Error) Error() string {
	text := "host call: " + words[e.Kind]
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Is makes errors.Is compare kinds: errors.Is(err, &host.Error{Kind: host.NotFound}).
func (e *Error) Is(other error) bool {
	wanted, ok := other.(*Error)
	return ok && wanted.Kind == e.Kind && (wanted.Text == "" || wanted.Text == e.Text)
}

// Call calls a method of a service and reads its answer as A.
func Call[A any](service, method string, request any) (answer A, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return answer, &Error{Unfit, "request: " + err.Error()}
	}
	given, failed := wit.Call(service, method, text)
	if failed != nil {
		return answer, &Error{Kind(failed.Case), failed.Text}
	}
	if err := json.Unmarshal(given, &answer); err != nil {
		return answer, &Error{Unfit, "answer of " + service + "." + method + ": " + err.Error()}
	}
	return answer, nil
}

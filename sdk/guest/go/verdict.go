package extension

import (
	"ameide.dev/extension/internal/wit"
	"ameide.dev/extension/json"
)

// Severity is how grave a message is.
type Severity = wit.Severity

// In the order of the WIT.
const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityError
)

// Message is one thing to tell the user who caused the call.
type Message = wit.Message

// Verdict is what a domain hook says about one entity. It is ok until the
// first Error; Refuse says no without a message. The zero verdict lets the
// command go on.
type Verdict struct {
	refused  bool
	messages []Message
	fields   []derived
	unfit    string
}

// derived is a field with its value as JSON.
type derived struct {
	name string
	json []byte
}

// Error says no, and why. path is a JSON pointer into the entity, empty for the whole of it.
func (v *Verdict) Error(code, text, path string) {
	v.refused = true
	v.message(SeverityError, code, text, path)
}

// Warning says what the user should look at; the command goes on.
func (v *Verdict) Warning(code, text, path string) { v.message(SeverityWarning, code, text, path) }

// Info says what the user may like to know.
func (v *Verdict) Info(code, text, path string) { v.message(SeverityInfo, code, text, path) }

// Refuse says no without a message of its own.
func (v *Verdict) Refuse() { v.refused = true }

// Set asks the caller to set a field of the entity; the last value of a field wins.
func (v *Verdict) Set(field string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		if v.unfit == "" {
			v.unfit = "derived field " + field + ": " + err.Error()
		}
		return
	}
	for at := range v.fields {
		if v.fields[at].name == field {
			v.fields[at].json = text
			return
		}
	}
	v.fields = append(v.fields, derived{field, text})
}

// OK tells whether the command may go on.
func (v *Verdict) OK() bool { return !v.refused }

// Messages is what has been said so far, in order.
func (v *Verdict) Messages() []Message { return v.messages }

// Field is the JSON text of a field that was set; empty if it was not.
func (v *Verdict) Field(name string) string {
	for at := range v.fields {
		if v.fields[at].name == name {
			return string(v.fields[at].json)
		}
	}
	return ""
}

// Derived is the object of all fields that were set. It fails when a value of
// one was no JSON.
func (v *Verdict) Derived() ([]byte, error) {
	if v.unfit != "" {
		return nil, Failed(v.unfit)
	}
	out := append(make([]byte, 0, 128), '{')
	for at := range v.fields {
		if at > 0 {
			out = append(out, ',')
		}
		out, _ = json.Append(out, v.fields[at].name) // a string is always JSON
		out = append(append(out, ':'), v.fields[at].json...)
	}
	return append(out, '}'), nil
}

func (v *Verdict) message(severity Severity, code, text, path string) {
	v.messages = append(v.messages, Message{Code: code, Severity: severity, Text: text, Path: path})
}

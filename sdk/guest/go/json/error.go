package json

// Error says what does not fit, and where.
type Error struct {
	// Path is a JSON pointer (RFC 6901), empty for the whole.
	Path string
	// What is wrong there.
	What string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.What
	}
	return e.What + " at " + e.Path
}

func wrong(what string) *Error { return &Error{What: what} }

// below puts a step in front of the error's path: it is built on the way out,
// so that reading what fits costs nothing.
func (e *Error) below(step string) *Error {
	return &Error{Path: "/" + escapePointer(step) + e.Path, What: e.What}
}

func escapePointer(step string) string {
	plain := true
	for at := 0; at < len(step); at++ {
		plain = plain && step[at] != '~' && step[at] != '/'
	}
	if plain {
		return step
	}
	var out []byte
	for at := 0; at < len(step); at++ {
		switch step[at] {
		case '~':
			out = append(out, '~', '0')
		case '/':
			out = append(out, '~', '1')
		default:
			out = append(out, step[at])
		}
	}
	return string(out)
}

package json

import "unicode/utf8"

// scanner walks over one JSON text.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return
		}
	}
}

// next is the first byte of what follows; 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.at == len(s.text) {
		return 0
	}
	return s.text[s.at]
}

func (s *scanner) take(want byte) bool {
	if s.next() != want {
		return false
	}
	s.at++
	return true
}

func (s *scanner) word(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) syntax() *Error {
	if s.at >= len(s.text) {
		return wrong("the JSON ends early")
	}
	return wrong("this is no JSON: unexpected `" + string(s.text[s.at:s.at+1]) + "`")
}

// number is the text of a number.
func (s *scanner) number() ([]byte, *Error) {
	start := s.at
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	leading := s.at
	if s.digits() == 0 || s.text[leading] == '0' && s.at > leading+1 {
		return nil, s.syntax()
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if s.digits() == 0 {
			return nil, s.syntax()
		}
	}
	if s.at < len(s.text) && s.text[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if s.digits() == 0 {
			return nil, s.syntax()
		}
	}
	return s.text[start:s.at], nil
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at - start
}

// string is the text of a string. Without an escape it is a part of the
// input, which nobody changes.
func (s *scanner) string() ([]byte, *Error) {
	if !s.take('"') {
		return nil, s.syntax()
	}
	start := s.at
	for s.at < len(s.text) {
		switch char := s.text[s.at]; {
		case char == '"':
			s.at++
			return s.text[start : s.at-1], nil
		case char == '\\':
			return s.escaped(start)
		case char < ' ':
			return nil, s.syntax()
		default:
			s.at++
		}
	}
	return nil, s.syntax()
}

func (s *scanner) escaped(start int) ([]byte, *Error) {
	out := append([]byte(nil), s.text[start:s.at]...)
	for s.at < len(s.text) {
		char := s.text[s.at]
		s.at++
		switch {
		case char == '"':
			return out, nil
		case char < ' ':
			s.at--
			return nil, s.syntax()
		case char != '\\':
			out = append(out, char)
		case s.at == len(s.text):
			return nil, s.syntax()
		default:
			letter := s.text[s.at]
			s.at++
			if letter == 'u' {
				char, ok := s.unicode()
				if !ok {
					return nil, s.syntax()
				}
				out = utf8.AppendRune(out, char)
				continue
			}
			plain := unescape(letter)
			if plain == 0 {
				s.at--
				return nil, s.syntax()
			}
			out = append(out, plain)
		}
	}
	return nil, s.syntax()
}

func unescape(letter byte) byte {
	switch letter {
	case '"', '\\', '/':
		return letter
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unicode reads the digits of \uXXXX, and of the second half of a pair.
func (s *scanner) unicode() (rune, bool) {
	first, ok := s.hex()
	if !ok || first < 0xd800 || first > 0xdfff {
		return first, ok
	}
	if first < 0xdc00 && s.word(`\u`) {
		second, ok := s.hex()
		if !ok {
			return 0, false
		}
		if second >= 0xdc00 && second <= 0xdfff {
			return 0x10000 + (first-0xd800)<<10 + second - 0xdc00, true
		}
	}
	return utf8.RuneError, true
}

func (s *scanner) hex() (rune, bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	var value rune
	for _, char := range s.text[s.at : s.at+4] {
		switch {
		case char-'0' <= 9:
			value = value<<4 | rune(char-'0')
		case char|0x20 >= 'a' && char|0x20 <= 'f':
			value = value<<4 | rune(char|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return value, true
}

// skip passes over one value, however deep: it needs no stack of its own.
func (s *scanner) skip() *Error {
	var open []byte
	for {
		switch char := s.next(); char {
		case '{', '[':
			s.at++
			if closed := char + 2; s.take(closed) {
				break
			}
			open = append(open, char+2)
			if char == '{' {
				if err := s.name(); err != nil {
					return err
				}
			}
			continue
		default:
			if err := s.scalar(char); err != nil {
				return err
			}
		}
		for {
			if len(open) == 0 {
				return nil
			}
			if s.take(',') {
				break
			}
			if !s.take(open[len(open)-1]) {
				return s.syntax()
			}
			open = open[:len(open)-1]
		}
		if open[len(open)-1] == '}' {
			if err := s.name(); err != nil {
				return err
			}
		}
	}
}

func (s *scanner) name() *Error {
	s.space()
	if _, err := s.string(); err != nil {
		return err
	}
	if !s.take(':') {
		return s.syntax()
	}
	return nil
}

func (s *scanner) scalar(first byte) (err *Error) {
	switch first {
	case '"':
		_, err = s.string()
	case 't', 'f', 'n':
		if !s.word("true") && !s.word("false") && !s.word("null") {
			err = s.syntax()
		}
	default:
		_, err = s.number()
	}
	return err
}

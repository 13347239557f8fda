package json

import (
	"reflect"
	"sort"
	"strconv"
	"unicode/utf8"
)

// Marshal writes a value as JSON.
func Marshal(value any) ([]byte, error) {
	out, err := appendAny(make([]byte, 0, 256), value)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Append writes a value as JSON behind what is there.
func Append(out []byte, value any) ([]byte, error) {
	made, err := appendAny(out, value)
	if err != nil {
		return out, err
	}
	return made, nil
}

func appendAny(out []byte, value any) ([]byte, *Error) {
	// What rules set most needs no look at its type.
	switch plain := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case string:
		return appendString(out, plain), nil
	case bool:
		return strconv.AppendBool(out, plain), nil
	case int:
		return strconv.AppendInt(out, int64(plain), 10), nil
	case int64:
		return strconv.AppendInt(out, plain, 10), nil
	}
	return appendValue(out, reflect.ValueOf(value), 0)
}

func appendValue(out []byte, value reflect.Value, depth int) ([]byte, *Error) {
	if depth > depthMax {
		return out, wrong("more than 64 values lie within each other")
	}
	if custom(value.Type()) || value.Kind() == reflect.Pointer {
		if out, done, err := appendCustom(out, value); done {
			return out, err
		}
	}
	switch value.Kind() {
	case reflect.Interface:
		if value.IsNil() {
			return append(out, "null"...), nil
		}
		return appendValue(out, value.Elem(), depth)
	case reflect.Pointer:
		if value.IsNil() {
			return append(out, "null"...), nil
		}
		return appendValue(out, value.Elem(), depth+1)
	case reflect.Struct:
		return appendStruct(out, value, depth)
	case reflect.Slice, reflect.Array:
		return appendList(out, value, depth)
	case reflect.Map:
		return appendMap(out, value, depth)
	case reflect.String:
		return appendString(out, value.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(out, value.Bool()), nil
	case reflect.Float64, reflect.Float32:
		out, ok := appendFloat(out, value.Float())
		if !ok {
			return out, wrong("a number that is not finite is no JSON")
		}
		return out, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(out, value.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(out, value.Uint(), 10), nil
	}
	return out, wrong("a value of kind " + value.Kind().String() + " is no JSON")
}

// appendCustom writes a type of its own way; done is false for one that has none.
func appendCustom(out []byte, value reflect.Value) (made []byte, done bool, err *Error) {
	if !value.CanInterface() || value.Kind() == reflect.Pointer && value.IsNil() {
		return out, false, nil
	}
	switch own := value.Interface().(type) {
	case Raw:
		if len(own) == 0 {
			return append(out, "null"...), true, nil
		}
		return append(out, own...), true, nil
	case Marshaler:
		text, err := own.MarshalJSON()
		return append(out, text...), true, said(err)
	case TextMarshaler:
		text, err := own.MarshalText()
		return appendString(out, string(text)), true, said(err)
	}
	return out, false, nil
}

func appendStruct(out []byte, value reflect.Value, depth int) ([]byte, *Error) {
	fields := fieldsOf(value.Type())
	out = append(out, '{')
	empty := true
	for at := range fields {
		of := &fields[at]
		one := of.within(value)
		if of.omitEmpty && isEmpty(one) {
			continue
		}
		if !empty {
			out = append(out, ',')
		}
		empty = false
		out = append(out, of.key...)
		var err *Error
		if out, err = appendValue(out, one, depth+1); err != nil {
			return out, err.below(of.name)
		}
	}
	return append(out, '}'), nil
}

func isEmpty(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Slice, reflect.Map:
		return value.Len() == 0
	}
	return value.IsZero()
}

func appendList(out []byte, value reflect.Value, depth int) ([]byte, *Error) {
	out = append(out, '[')
	for at := 0; at < value.Len(); at++ {
		if at > 0 {
			out = append(out, ',')
		}
		var err *Error
		if out, err = appendValue(out, value.Index(at), depth+1); err != nil {
			return out, err.below(strconv.Itoa(at))
		}
	}
	return append(out, ']'), nil
}

// appendMap writes the keys in order: the same value is always the same text.
func appendMap(out []byte, value reflect.Value, depth int) ([]byte, *Error) {
	if value.Type().Key().Kind() != reflect.String {
		return out, wrong("a map whose keys are no strings is no JSON")
	}
	keys := value.MapKeys()
	sort.Slice(keys, func(a, b int) bool { return keys[a].String() < keys[b].String() })
	out = append(out, '{')
	for at, key := range keys {
		if at > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key.String()), ':')
		var err *Error
		if out, err = appendValue(out, value.MapIndex(key), depth+1); err != nil {
			return out, err.below(key.String())
		}
	}
	return append(out, '}'), nil
}

const hexDigits = "0123456789abcdef"

// appendString writes a string in quotes. Bytes that are no UTF-8 become U+FFFD.
func appendString(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for at := 0; at < len(text); {
		char := text[at]
		if char >= ' ' && char < utf8.RuneSelf && char != '"' && char != '\\' {
			at++
			continue
		}
		size := 1
		if char >= utf8.RuneSelf {
			var rune rune
			if rune, size = utf8.DecodeRuneInString(text[at:]); rune != utf8.RuneError || size > 1 {
				at += size
				continue
			}
		}
		out = append(out, text[start:at]...)
		switch {
		case char >= utf8.RuneSelf:
			out = utf8.AppendRune(out, utf8.RuneError)
		case char == '"', char == '\\':
			out = append(out, '\\', char)
		case char == '\n':
			out = append(out, '\\', 'n')
		case char == '\r':
			out = append(out, '\\', 'r')
		case char == '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[char>>4], hexDigits[char&15])
		}
		at += size
		start = at
	}
	return append(append(out, text[start:]...), '"')
}

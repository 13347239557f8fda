package json

import "reflect"

// field is what a struct's tag says of one of its fields.
type field struct {
	name string
	// key is the name as it is written: quoted, with its colon.
	key       []byte
	index     []int
	words     []string
	optional  bool
	omitEmpty bool
}

type plan struct {
	of     reflect.Type
	fields []field
}

// plans of the types that were met so far: a call meets few, most often again.
var plans []plan

func fieldsOf(of reflect.Type) []field {
	for at := range plans {
		if plans[at].of == of {
			return plans[at].fields
		}
	}
	fields := collect(of, nil, nil)
	plans = append(plans, plan{of, fields})
	return fields
}

// collect lists a struct's fields, and those of embedded structs among them.
func collect(of reflect.Type, above []int, fields []field) []field {
	for at := 0; at < of.NumField(); at++ {
		one := of.Field(at)
		tag, options := split(one.Tag.Get("json"), ',')
		index := append(append([]int(nil), above...), at)
		if one.Anonymous && tag == "" && one.Type.Kind() == reflect.Struct {
			fields = collect(one.Type, index, fields)
			continue
		}
		if one.PkgPath != "" || tag == "-" && options == "" {
			continue
		}
		if tag == "" {
			tag = one.Name
		}
		made := field{name: tag, index: index, optional: one.Type.Kind() == reflect.Pointer}
		made.key = append(appendString(nil, tag), ':')
		for options != "" {
			var option string
			option, options = split(options, ',')
			if option == "omitempty" || option == "omitzero" {
				made.omitEmpty, made.optional = true, true
			}
		}
		for words := one.Tag.Get("enum"); words != ""; {
			var word string
			word, words = split(words, ',')
			made.words = append(made.words, word)
		}
		fields = append(fields, made)
	}
	return fields
}

func split(text string, at byte) (first, rest string) {
	for index := 0; index < len(text); index++ {
		if text[index] == at {
			return text[:index], text[index+1:]
		}
	}
	return text, ""
}

// within is the field of a value, through embedded structs.
func (f *field) within(value reflect.Value) reflect.Value {
	for _, at := range f.index {
		value = value.Field(at)
	}
	return value
}

// custom tells whether a type could have methods: the others are not asked.
func custom(of reflect.Type) bool {
	switch of.Kind() {
	case reflect.Pointer, reflect.Interface:
		return false
	}
	return of.PkgPath() != ""
}

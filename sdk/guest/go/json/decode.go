package json

import (
	"reflect"
	"strconv"
)

// Unmarshal reads one JSON value into what `into` points to.
func Unmarshal(text []byte, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return wrong("Unmarshal needs a pointer")
	}
	d := decoder{scanner{text: text}}
	err := d.value(target.Elem(), 0)
	if d.space(); err == nil && d.at != len(d.text) {
		err = wrong("there is more than one JSON value")
	}
	if err != nil {
		return err
	}
	return nil
}

type decoder struct{ scanner }

var rawType = reflect.TypeOf(Raw(nil))

func (d *decoder) value(into reflect.Value, depth int) *Error {
	if depth > depthMax {
		return wrong("more than 64 values lie within each other")
	}
	if custom(into.Type()) {
		if done, err := d.custom(into); done {
			return err
		}
	}
	first := d.next()
	switch kind := into.Kind(); kind {
	case reflect.Pointer:
		return d.pointer(into, first, depth)
	case reflect.Struct:
		return d.object(into, first, depth)
	case reflect.Slice:
		return d.list(into, first, depth)
	case reflect.Array:
		return d.array(into, first, depth)
	case reflect.Map:
		return d.entries(into, first, depth)
	case reflect.String:
		if first != '"' {
			return d.mismatch(first, "a string")
		}
		text, err := d.string()
		if err == nil {
			into.SetString(string(text))
		}
		return err
	case reflect.Bool:
		return d.bool(into, first)
	case reflect.Float64, reflect.Float32:
		return d.float(into, first)
	case reflect.Interface:
		value, err := d.any(first, depth)
		if err == nil {
			if value == nil {
				into.Set(reflect.Zero(into.Type()))
			} else {
				into.Set(reflect.ValueOf(value))
			}
		}
		return err
	default:
		return d.whole(into, kind, first)
	}
}

// custom reads a type of its own way; done is false for one that has none.
func (d *decoder) custom(into reflect.Value) (done bool, err *Error) {
	if into.Type() == rawType {
		text, err := d.raw()
		into.SetBytes(text)
		return true, err
	}
	if !into.CanAddr() || !into.CanInterface() {
		return false, nil
	}
	switch target := into.Addr().Interface().(type) {
	case Unmarshaler:
		text, err := d.raw()
		if err != nil {
			return true, err
		}
		return true, said(target.UnmarshalJSON(text))
	case TextUnmarshaler:
		if first := d.next(); first != '"' {
			return true, d.mismatch(first, "a string")
		}
		text, err := d.string()
		if err != nil {
			return true, err
		}
		return true, said(target.UnmarshalText(text))
	}
	return false, nil
}

func said(err error) *Error {
	if err == nil {
		return nil
	}
	return wrong(err.Error())
}

// raw is the next value's text.
func (d *decoder) raw() ([]byte, *Error) {
	d.space()
	start := d.at
	err := d.skip()
	return d.text[start:d.at], err
}

func (d *decoder) pointer(into reflect.Value, first byte, depth int) *Error {
	if first == 'n' && d.word("null") {
		into.Set(reflect.Zero(into.Type()))
		return nil
	}
	target := reflect.New(into.Type().Elem())
	if err := d.value(target.Elem(), depth+1); err != nil {
		return err
	}
	into.Set(target)
	return nil
}

func (d *decoder) object(into reflect.Value, first byte, depth int) *Error {
	if first != '{' {
		return d.mismatch(first, "an object")
	}
	d.at++
	fields := fieldsOf(into.Type())
	// One bit for each field that was there.
	var few uint64
	var many []bool
	if len(fields) > 64 {
		many = make([]bool, len(fields))
	}
	for more := !d.take('}'); more; {
		name, err := d.key()
		if err != nil {
			return err
		}
		if at := find(fields, name); at < 0 {
			err = d.skip()
		} else {
			if many != nil {
				many[at] = true
			} else {
				few |= 1 << at
			}
			err = d.field(into, &fields[at], depth)
		}
		if err != nil {
			return err
		}
		if more = d.take(','); !more && !d.take('}') {
			return d.syntax()
		}
	}
	for at := range fields {
		there := few&(1<<at) != 0
		if many != nil {
			there = many[at]
		}
		if !there && !fields[at].optional {
			return wrong("missing field `" + fields[at].name + "`")
		}
	}
	return nil
}

// key reads a name and its colon.
func (d *decoder) key() ([]byte, *Error) {
	d.space()
	name, err := d.string()
	if err == nil && !d.take(':') {
		err = d.syntax()
	}
	return name, err
}

func find(fields []field, name []byte) int {
	for at := range fields {
		if fields[at].name == string(name) {
			return at
		}
	}
	return -1
}

func (d *decoder) field(into reflect.Value, of *field, depth int) *Error {
	target := of.within(into)
	if of.optional && target.Kind() != reflect.Pointer && d.next() == 'n' && d.word("null") {
		return nil
	}
	err := d.value(target, depth+1)
	if err == nil && of.words != nil && target.Kind() == reflect.String {
		err = one(of.words, target.String())
	}
	if err != nil {
		return err.below(of.name)
	}
	return nil
}

// one tells whether a word is among those that fit.
func one(words []string, word string) *Error {
	list := ""
	for _, known := range words {
		if known == word {
			return nil
		}
		list += ", `" + known + "`"
	}
	return wrong("unknown variant `" + word + "`, expected one of" + list[1:])
}

func (d *decoder) list(into reflect.Value, first byte, depth int) *Error {
	if first != '[' {
		return d.mismatch(first, "a list")
	}
	d.at++
	items := reflect.MakeSlice(into.Type(), 0, 0)
	count := 0
	for more := !d.take(']'); more; count++ {
		if count == items.Cap() {
			grown := reflect.MakeSlice(into.Type(), count, 2*count+4)
			reflect.Copy(grown, items)
			items = grown
		}
		items = items.Slice(0, count+1)
		if err := d.value(items.Index(count), depth+1); err != nil {
			return err.below(strconv.Itoa(count))
		}
		if more = d.take(','); !more && !d.take(']') {
			return d.syntax()
		}
	}
	into.Set(items)
	return nil
}

func (d *decoder) array(into reflect.Value, first byte, depth int) *Error {
	if first != '[' {
		return d.mismatch(first, "a list")
	}
	d.at++
	count := 0
	for more := !d.take(']'); more; count++ {
		if count == into.Len() {
			return wrong("the list is longer than " + strconv.Itoa(count))
		}
		if err := d.value(into.Index(count), depth+1); err != nil {
			return err.below(strconv.Itoa(count))
		}
		if more = d.take(','); !more && !d.take(']') {
			return d.syntax()
		}
	}
	if count < into.Len() {
		return wrong("the list is shorter than " + strconv.Itoa(into.Len()))
	}
	return nil
}

func (d *decoder) entries(into reflect.Value, first byte, depth int) *Error {
	of := into.Type()
	if of.Key().Kind() != reflect.String {
		return wrong("the extension's type has a map whose keys are no strings")
	}
	if first != '{' {
		return d.mismatch(first, "an object")
	}
	d.at++
	made := reflect.MakeMap(of)
	for more := !d.take('}'); more; {
		name, err := d.key()
		if err != nil {
			return err
		}
		key := string(name)
		item := reflect.New(of.Elem()).Elem()
		if err := d.value(item, depth+1); err != nil {
			return err.below(key)
		}
		made.SetMapIndex(reflect.ValueOf(key).Convert(of.Key()), item)
		if more = d.take(','); !more && !d.take('}') {
			return d.syntax()
		}
	}
	into.Set(made)
	return nil
}

func (d *decoder) bool(into reflect.Value, first byte) *Error {
	switch {
	case first == 't' && d.word("true"):
		into.SetBool(true)
	case first == 'f' && d.word("false"):
		into.SetBool(false)
	default:
		return d.mismatch(first, "true or false")
	}
	return nil
}

func (d *decoder) float(into reflect.Value, first byte) *Error {
	if !isNumber(first) {
		return d.mismatch(first, "a number")
	}
	text, err := d.number()
	if err != nil {
		return err
	}
	value, ok := parseFloat(text)
	if !ok {
		return wrong("the number `" + string(text) + "` is too large")
	}
	into.SetFloat(value)
	return nil
}

func (d *decoder) whole(into reflect.Value, kind reflect.Kind, first byte) *Error {
	signed := kind >= reflect.Int && kind <= reflect.Int64
	if !signed && !(kind >= reflect.Uint && kind <= reflect.Uintptr) {
		return wrong("the extension's type has a field of kind " + kind.String() + ", which no JSON fits")
	}
	if !isNumber(first) {
		return d.mismatch(first, "a whole number")
	}
	text, err := d.number()
	if err != nil {
		return err
	}
	size, negative, ok := parseInt(text)
	switch {
	case ok && signed && (size < 1<<63 || negative && size == 1<<63):
		value := int64(size)
		if negative {
			value = -value
		}
		if ok = !into.OverflowInt(value); ok {
			into.SetInt(value)
		}
	case ok && !signed && (!negative || size == 0):
		if ok = !into.OverflowUint(size); ok {
			into.SetUint(size)
		}
	default:
		ok = false
	}
	if !ok {
		return wrong("`" + string(text) + "` is no whole number of kind " + kind.String())
	}
	return nil
}

func isNumber(first byte) bool { return first == '-' || first-'0' <= 9 }

// any reads a value of unknown form: map[string]any, []any, string, float64, bool or nil.
func (d *decoder) any(first byte, depth int) (any, *Error) {
	switch first {
	case '{':
		var made map[string]any
		err := d.entries(reflect.ValueOf(&made).Elem(), first, depth)
		return made, err
	case '[':
		var made []any
		err := d.list(reflect.ValueOf(&made).Elem(), first, depth)
		return made, err
	case '"':
		text, err := d.string()
		return string(text), err
	case 't', 'f', 'n':
		switch {
		case d.word("true"):
			return true, nil
		case d.word("false"):
			return false, nil
		case d.word("null"):
			return nil, nil
		}
		return nil, d.syntax()
	}
	text, err := d.number()
	if err != nil {
		return nil, err
	}
	value, ok := parseFloat(text)
	if !ok {
		return nil, wrong("the number `" + string(text) + "` is too large")
	}
	return value, nil
}

func (d *decoder) mismatch(first byte, wanted string) *Error {
	found := ""
	switch {
	case first == '{':
		found = "an object"
	case first == '[':
		found = "a list"
	case first == '"':
		found = "a string"
	case first == 'n':
		found = "null"
	case first == 't', first == 'f':
		found = "true or false"
	case isNumber(first):
		found = "a number"
	default:
		return d.syntax()
	}
	return wrong("invalid type: " + found + ", expected " + wanted)
}

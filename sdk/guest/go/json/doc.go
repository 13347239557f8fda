// Package json reads and writes the JSON of extensions.
//
// It knows the tags of encoding/json and is a quarter of its size. It differs
// on purpose where a rule would otherwise run on input that its author did
// not think of:
//
//   - A field is required. It is optional if its type is a pointer, or its
//     tag says omitempty; an absent one keeps its value.
//   - null fits pointers, optional fields, Raw and any, nothing else.
//   - A field of kind string may list its words: `enum:"bronze,silver,gold"`.
//   - A name fits its field only letter by letter.
//
// Unknown fields are skipped. A type may read itself with UnmarshalJSON or
// UnmarshalText, and write itself with MarshalJSON or MarshalText.
package json

// Raw is one JSON value as text, read and written as it stands.
type Raw []byte

// Unmarshaler is a type that reads its own JSON.
type Unmarshaler interface{ UnmarshalJSON(text []byte) error }

// Marshaler is a type that writes its own JSON.
type Marshaler interface{ MarshalJSON() ([]byte, error) }

// TextUnmarshaler is a type that reads itself from a JSON string.
type TextUnmarshaler interface{ UnmarshalText(text []byte) error }

// TextMarshaler is a type that writes itself as a JSON string.
type TextMarshaler interface{ MarshalText() ([]byte, error) }

// depthMax bounds values within values: the stack of a guest is small.
const depthMax = 64

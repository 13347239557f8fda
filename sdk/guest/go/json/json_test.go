package json_test

import (
	stdjson "encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"ameide.dev/extension/json"
)

type Base struct {
	ID string `json:"id"`
}

type Everything struct {
	Base
	Text    string             `json:"text"`
	Size    int8               `json:"size"`
	Count   uint64             `json:"count"`
	Share   float64            `json:"share"`
	Yes     bool               `json:"yes"`
	List    []int              `json:"list"`
	Pair    [2]bool            `json:"pair"`
	Map     map[string]float64 `json:"map"`
	Any     any                `json:"any"`
	Raw     json.Raw           `json:"raw"`
	Maybe   *string            `json:"maybe"`
	Absent  int                `json:"absent,omitempty"`
	Level   Level              `json:"level"`
	private int
	Ignored string `json:"-"`
}

// Level reads and writes itself.
type Level int

func (l *Level) UnmarshalText(text []byte) error {
	if string(text) != "high" {
		return errors.New("no level: " + string(text))
	}
	*l = 3
	return nil
}

func (l Level) MarshalText() ([]byte, error) { return []byte("high"), nil }

const whole = `{"id":"a","text":"ü \"\\\/\b\f\n\r\t\u00fc\ud83d\ude00\ud800x","size":-128,"count":18446744073709551615,"share":-1.5e-7,"yes":true,
 "list":[1,2,3,4,5,6],"pair":[true,false],"map":{"b":2,"a":1},"any":{"x":[null,true,"y",0.1]},"raw":{"deep":[1, 2]},"maybe":null,"level":"high","unknown":{"a":[{}, []]}}`

func TestAllThatFitsIsRead(t *testing.T) {
	var got Everything
	if err := json.Unmarshal([]byte(whole), &got); err != nil {
		t.Fatal(err)
	}
	var want struct{ Text string }
	if err := stdjson.Unmarshal([]byte(whole), &want); err != nil {
		t.Fatal(err)
	}
	if got.Text != want.Text || got.ID != "a" || got.Size != -128 || got.Count != math.MaxUint64 || got.Share != -1.5e-7 || len(got.List) != 6 || got.Level != 3 {
		t.Errorf("%+v", got)
	}
	if string(got.Raw) != `{"deep":[1, 2]}` || got.Maybe != nil || !reflect.DeepEqual(got.Any, map[string]any{"x": []any{nil, true, "y", 0.1}}) {
		t.Errorf("%+v", got)
	}
	text, err := json.Marshal(got)
	if err != nil || !stdjson.Valid(text) || strings.Contains(string(text), "absent") || strings.Contains(string(text), "Ignored") {
		t.Fatal(string(text), err)
	}
	var again Everything
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(got, again) {
		t.Errorf("%v\n%+v\n%+v", err, got, again)
	}
	if !strings.Contains(string(text), `"map":{"a":1,"b":2}`) {
		t.Error("keys are in order: ", string(text))
	}
}

type order struct {
	Tier  string `json:"tier" enum:"silver,gold"`
	Lines []struct {
		Quantity uint32   `json:"quantity"`
		Price    *float64 `json:"a/b"`
	} `json:"lines"`
}

func TestWhatDoesNotFitIsNamedWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"tier":"iron","lines":[]}`:                  "unknown variant `iron`, expected one of `silver`, `gold` at /tier",
		`{"tier":"gold"}`:                             "missing field `lines`",
		`{"tier":"gold","lines":[{"quantity":1},{}]}`: "missing field `quantity` at /lines/1",
		`{"tier":"gold","lines":[{"quantity":-1}]}`:   "`-1` is no whole number of kind uint32 at /lines/0/quantity",
		`{"tier":"gold","lines":[{"quantity":1.0}]}`:  "`1.0` is no whole number",
		`{"tier":"gold","lines":[{"quantity":5e9}]}`:  "is no whole number",
		`{"tier":"gold","lines":[{"a/b":"x"}]}`:       "invalid type: a string, expected a number at /lines/0/a~1b",
		`{"tier":null,"lines":[]}`:                    "invalid type: null, expected a string at /tier",
		`[]`:                                          "invalid type: a list, expected an object",
		`{"tier":"gold","lines":[]} x`:                "more than one JSON value",
		`{"tier":"gold","lines":[`:                    "the JSON ends early",
		`{"tier":"gold","lines":[],}`:                 "unexpected `}`",
		`{"tier":"gold","x":{"a":[1,]}}`:              "unexpected `]`",
		`{"tier":"gold","x":01}`:                      "no JSON",
		`{"tier":"a` + "\n" + `"}`:                    "no JSON",
		`{"tier":"\x"}`:                               "no JSON",
		`{"tier":"\u12"}`:                             "no JSON",
		``:                                            "ends early",
	} {
		err := json.Unmarshal([]byte(text), &order{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v instead of %s", text, err, want)
		}
	}
}

func TestDepthIsBoundedAndSkippingIsNot(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	var known any
	if err := json.Unmarshal([]byte(deep), &known); err == nil || !strings.Contains(err.Error(), "64 values") {
		t.Error(err)
	}
	nearly := strings.Repeat(`{"x":[`, 32) + strings.Repeat("]}", 32)
	if err := json.Unmarshal([]byte(nearly), &known); err != nil {
		t.Error(err)
	}
	if made, err := json.Marshal(known); err != nil || string(made) != nearly {
		t.Error("what was read can be written: ", err)
	}
	var unknown struct{}
	if err := json.Unmarshal([]byte(`{"x":`+deep+`}`), &unknown); err != nil {
		t.Error(err)
	}
}

func TestNumbersAreExact(t *testing.T) {
	for _, text := range []string{"0", "-0", "1", "0.1", "123456789012345", "1234567890123456789", "0.000001", "3218.688", "1e22", "-1.7976931348623157e308", "5e-324", "0.30000000000000004", "9007199254740993"} {
		var got, want float64
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Error(text, err)
		}
		if err := stdjson.Unmarshal([]byte(text), &want); err != nil || got != want {
			t.Errorf("%s: %v instead of %v", text, got, want)
		}
		made, err := json.Marshal(got)
		var again float64
		if err != nil || stdjson.Unmarshal(made, &again) != nil || again != got {
			t.Errorf("%s is written as %s", text, made)
		}
	}
	if err := json.Unmarshal([]byte("1e999"), new(float64)); err == nil {
		t.Error("1e999 fits")
	}
	if _, err := json.Marshal(map[string]any{"a": []float64{math.NaN()}}); err == nil || !strings.Contains(err.Error(), "at /a/0") {
		t.Error(err)
	}
}

// FuzzAgainstEncodingJSON finds texts that one of the two takes and the other does not.
func FuzzAgainstEncodingJSON(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"a":[1,2,{"b":null}],"c":"\u00e4"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ours, theirs any
		err, theirErr := json.Unmarshal(text, &ours), stdjson.Unmarshal(text, &theirs)
		if err != nil && strings.Contains(err.Error(), "64 values") {
			return
		}
		if (err == nil) != (theirErr == nil) {
			t.Fatalf("%q: %v, encoding/json: %v", text, err, theirErr)
		}
		if err != nil {
			return
		}
		made, err := json.Marshal(ours)
		if err != nil || !stdjson.Valid(made) {
			t.Fatalf("%q: written as %q: %v", text, made, err)
		}
	})
}

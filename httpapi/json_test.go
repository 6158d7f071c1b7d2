package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestReadJSON(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for name, test := range map[string]struct {
		text string
		want string // a part of the refusal; empty: accepted
	}{
		"object":                  {`{"a":1,"b":[true,null,"x"]}`, ""},
		"white space around":      {" \n{}\t ", ""},
		"same name, other object": {`{"a":{"b":1},"c":{"b":1}}`, ""},
		"as deep as may be":       {deep, ""},
		"pair of surrogates":      {`"\ud83d\ude00"`, ""},
		"escaped backslash":       {`"\\ud83d"`, ""},
		"escaped quote":           {`"\"\ud83d\ude00\""`, ""},
		"nothing":                 {``, "too early"},
		"white space":             {`  `, "too early"},
		"cut off":                 {`{"a":`, "too early"},
		"cut off in a list":       {`[1,`, "too early"},
		"two values":              {`{} {}`, "after"},
		"bracket behind":          {`{}}`, "after"},
		"letters behind":          {`{}x`, "after"},
		"same name":               {`{"a":1,"a":2}`, "twice"},
		"same name, escaped":      {`{"a":1,"\u0061":2}`, "twice"},
		"same name, deep":         {`[{"x":{"a":1,"b":2,"a":3}}]`, "twice"},
		"too deep":                {"[" + deep + "]", "deep"},
		"very deep":               {strings.Repeat(`{"a":`, 100_000), "deep"},
		"not UTF-8":               {"\"\xff\"", "UTF-8"},
		"name not UTF-8":          {"{\"\xc3\":1}", "UTF-8"},
		"high half":               {`"\ud83d"`, "surrogate"},
		"high half, then letter":  {`"\ud83dx"`, "surrogate"},
		"high half, then escape":  {`"\ud83d\n"`, "surrogate"},
		"two high halves":         {`"\ud83d\ud83d"`, "surrogate"},
		"low half":                {`"\ude00"`, "surrogate"},
		"low half in a name":      {`{"\ude00":1}`, "surrogate"},
		"single quotes":           {`{'a':1}`, "valid"},
		"comma too many":          {`[1,]`, "valid"},
		"not a number":            {`NaN`, "valid"},
		"control character":       {"\"a\nb\"", "valid"},
	} {
		t.Run(name, func(t *testing.T) {
			var v any
			err := readJSON([]byte(test.text), &v)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want something about %q", err, test.want)
			}
		})
	}
}

func TestNullStandsForAbsent(t *testing.T) {
	var v any
	if err := readJSON([]byte(`{"a":null,"b":{"c":null,"d":1},"e":[{"f":null}]}`), &v); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(v)
	if want := `{"b":{"d":1},"e":[{}]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, map[string]string{"a": "<b>&\u2028"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "{\"a\":\"<b>&\\u2028\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzReadJSON holds the strict reader against encoding/json: what it takes, that takes too, and reads the same.
func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\ud83d\ude00"],"b":null}`, `{"a":1,"a":2}`, `"\ud83d"`, `[[[[]]]]`, `{} {}`, "\xff", `{"":{"":0}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := checkJSON(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted what is no JSON: %q", text)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			t.Fatal(err)
		}
		if err := checkJSON(compact.Bytes()); err != nil {
			t.Fatalf("refused in compact form: %v: %q", err, compact.Bytes())
		}
	})
}

package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// maxDepth is how deep arrays and objects of a request may be nested.
const maxDepth = 16

// jsonFormat is the only format of the API: strict in what it takes, compact in what it gives.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: writeJSON, Unmarshal: readJSON}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// readJSON decodes one JSON text. huma calls it twice for a body: first for an untyped value to validate, which is when
// the text is checked, then for the typed one.
func readJSON(data []byte, v any) error {
	untyped, first := v.(*any)
	if first {
		if err := checkJSON(data); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return errors.New("the body is not valid JSON of the right types")
	}
	if first {
		dropNulls(*untyped)
	}
	return nil
}

// dropNulls removes members that are null: null stands for an absent member.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
				continue
			}
			dropNulls(member)
		}
	case []any:
		for _, element := range v {
			dropNulls(element)
		}
	}
}

// checkJSON refuses what JSON readers disagree about or could be harmed by: invalid UTF-8, lone surrogates, duplicate
// names, deep nesting, and anything after the value. (RFC 7493, I-JSON.)
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the JSON text is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, data, 0); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON text ends too early")
		}
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("the body is not valid JSON, from byte %d on", syntax.Offset)
		}
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is something after the JSON value")
	}
	return nil
}

func checkValue(d *json.Decoder, data []byte, depth int) error {
	start := d.InputOffset()
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'), json.Delim('['):
		if depth == maxDepth {
			return fmt.Errorf("the JSON text is nested more than %d deep", maxDepth)
		}
	default:
		return checkSurrogates(data[start:d.InputOffset()])
	}
	names := map[string]bool{}
	for d.More() {
		if token == json.Delim('{') {
			if err := checkName(d, data, names); err != nil {
				return err
			}
		}
		if err := checkValue(d, data, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing delimiter
	return err
}

func checkName(d *json.Decoder, data []byte, seen map[string]bool) error {
	start := d.InputOffset()
	token, err := d.Token()
	if err != nil {
		return err
	}
	if err := checkSurrogates(data[start:d.InputOffset()]); err != nil {
		return err
	}
	name, _ := token.(string)
	if seen[name] {
		return fmt.Errorf("the JSON text has the name %.40q twice in one object", name)
	}
	seen[name] = true
	return nil
}

// checkSurrogates refuses a \u escape that is one half of a pair. raw is one valid JSON token.
func checkSurrogates(raw []byte) error {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		unit, ok := escapedUnit(raw[i:])
		if !ok {
			continue // another escape; its letter is skipped
		}
		i += 4
		switch {
		case unit < 0xd800 || unit > 0xdfff:
			continue
		case unit < 0xdc00 && i+1 < len(raw) && raw[i+1] == '\\':
			if low, ok := escapedUnit(raw[i+2:]); ok && low >= 0xdc00 && low <= 0xdfff {
				i += 6
				continue
			}
		}
		return errors.New("the JSON text has half of a surrogate pair")
	}
	return nil
}

// escapedUnit reads "uXXXX".
func escapedUnit(s []byte) (unit uint16, ok bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	for _, c := range s[1:5] {
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | uint16(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit = unit<<4 | uint16(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

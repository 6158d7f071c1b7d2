// Package transfer moves everything that a Parley keeps from one place to another, as JSON lines: out of the tables of
// any engine and the bucket of files, and into the empty ones of any other. Nothing is lost on the way: an export, an
// import of it and a second export of the same kind of engine give the same bytes.
//
// # Format
//
// Lines of compact JSON in UTF-8, each in the one form that [Export] writes; [Import] refuses any other.
//
//	{"parley":"export","format":1,"layout":1}                            the first line
//	{"table":"chat","part":"user#U","sort":"account","expires":1700000000,
//	 "attrs":{"email":"a@b","version":3,"key":{"base64":"AAE="}}}         one item (on one line)
//	{"file":"avatars/x.jpg","type":"image/jpeg","cache":"…","size":70000} a file begins
//	{"chunk":"base64"}                                                    the next part of that file
//	{"end":{"items":12,"files":1,"sha256":"hex"}}                         the last line; the sum is that of all before it
//
// Tables come in the order of their names, items as the engine scans them, files by name. Texts stand as JSON strings,
// numbers as JSON integers of 64 bits, attributes in the order of their names. What has expired is left out, and what is derived from the rest.
//
// An export holds password hashes and signing keys: it is as secret as the data folder.
package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"gocloud.dev/blob"

	"parley/store/table"
)

// Format is the version of the lines.
const Format = 1

const (
	maxLine   = 4 << 20   // bytes of a line: an item of table.MaxItemBytes whose text is all escapes fits
	chunkSize = 48 << 10  // bytes of a file in one line
	maxBatch  = 256 << 10 // bytes of lines in one write
)

// Errors of an import, found by errors.Is; also table.ErrNewer.
var (
	ErrNotEmpty = errors.New("there is data already: import into an empty data folder")
	ErrDamaged  = errors.New("the export is damaged")
)

// Store is a table.DB whose tables can be read as a whole.
type Store interface {
	table.DB
	table.Scanner
}

// House is what moves. All fields but Files and Derived are required.
type House struct {
	Store  Store
	Tables []table.Schema
	Layout int          // version of what stands in the tables
	Files  *blob.Bucket // nil: there are none
	// Derived tells which items an export leaves out, because they come back by themselves.
	Derived func(table string, k table.Key) bool
}

// Counts tells how much was moved.
type Counts struct {
	Items int64 `json:"items"`
	Files int64 `json:"files"`
}

// The lines. Each type begins with a field that no other has.
type (
	headLine struct {
		Parley string `json:"parley"`
		Format int    `json:"format"`
		Layout int    `json:"layout"`
	}
	itemLine struct {
		Table   string           `json:"table"`
		Part    string           `json:"part"`
		Sort    string           `json:"sort,omitempty"`
		Expires int64            `json:"expires,omitempty"`
		Attrs   map[string]value `json:"attrs"` // json writes maps by name
	}
	fileLine struct {
		File  string `json:"file"`
		Type  string `json:"type"`
		Cache string `json:"cache,omitempty"`
		Size  int64  `json:"size"`
	}
	chunkLine struct {
		Chunk []byte `json:"chunk"`
	}
	endLine struct {
		End end `json:"end"`
	}
	end struct {
		Counts
		SHA256 string `json:"sha256"`
	}
)

// value is a table.Value in JSON.
type value table.Value

type base64Value struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (v value) MarshalJSON() ([]byte, error) {
	switch v.Kind {
	case table.Text:
		return encode(v.Text)
	case table.Number:
		return strconv.AppendInt(nil, v.Num, 10), nil
	case table.Bytes:
		if v.Data == nil {
			v.Data = []byte{}
		}
		return encode(base64Value{v.Data})
	}
	return nil, fmt.Errorf("a value of unknown kind %d", v.Kind)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *value) UnmarshalJSON(b []byte) (err error) {
	switch b[0] {
	case '"':
		v.Kind = table.Text
		return json.Unmarshal(b, &v.Text)
	case '{':
		var data base64Value
		v.Kind = table.Bytes
		err = json.Unmarshal(b, &data)
		v.Data = data.Base64
		return err
	}
	v.Kind = table.Number
	v.Num, err = strconv.ParseInt(string(b), 10, 64)
	return err
}

// encode is json.Marshal without escapes that only HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

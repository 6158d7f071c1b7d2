package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"gocloud.dev/blob"

	"parley/store/table"
)

// Import reads what Export wrote from r into the empty h. Errors: ErrNotEmpty, ErrDamaged (with the number of the line),
// table.ErrNewer. After an error h holds a part of the export and must be thrown away.
func Import(ctx context.Context, h House, r io.Reader) (Counts, error) {
	if err := empty(ctx, h); err != nil {
		return Counts{}, err
	}
	im := importer{h: h, sum: sha256.New(), batched: map[table.Key]bool{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for lines.Scan() {
		im.number++
		if err := im.line(ctx, lines.Bytes()); err != nil {
			im.abandon()
			return im.counts, err
		}
	}
	err := lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		im.number++
		err = im.damaged("longer than %d bytes", maxLine)
	case err != nil:
		err = fmt.Errorf("read the export: %w", err)
	case !im.ended:
		err = fmt.Errorf("%w: it stops after line %d", ErrDamaged, im.number)
	}
	if err != nil {
		im.abandon()
	}
	return im.counts, err
}

// empty returns ErrNotEmpty unless nothing is in h.
func empty(ctx context.Context, h House) error {
	for _, t := range h.Tables {
		for after := ""; ; {
			page, err := h.Store.Scan(ctx, t.Name, after, 1)
			if err != nil {
				return fmt.Errorf("read table %s: %w", t.Name, err)
			}
			if len(page.Items) > 0 {
				return ErrNotEmpty
			}
			if after = page.Next; after == "" {
				break
			}
		}
	}
	if h.Files == nil {
		return nil
	}
	_, err := h.Files.List(nil).Next(ctx)
	switch {
	case err == nil:
		return ErrNotEmpty
	case errors.Is(err, io.EOF):
		return nil
	}
	return fmt.Errorf("list the files: %w", err)
}

// importer is one import under way, used by one goroutine.
type importer struct {
	h      House
	number int // of the line, from 1
	sum    hash.Hash
	counts Counts
	ended  bool

	// The items to write next, the line of each, and their size. A key is in batched while it is in ops.
	ops     []table.Op
	numbers []int
	size    int
	batched map[table.Key]bool

	// The file being read; nil between files.
	file   *blob.Writer
	left   int64
	cancel context.CancelFunc // gives up file
}

func (im *importer) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrDamaged, im.number, fmt.Sprintf(format, args...))
}

// parse decodes a line into v, a pointer to one of the line types, and refuses every form but the one Export writes: so
// nothing is accepted that would come out differently again.
func (im *importer) parse(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return im.damaged("not valid JSON of its kind")
	}
	again, err := encode(v)
	if err != nil || !bytes.Equal(again, b) {
		return im.damaged("not in the form of an export")
	}
	return nil
}

func (im *importer) line(ctx context.Context, b []byte) error {
	kind, _, _ := bytes.Cut(b, []byte{':'})
	switch {
	case im.ended:
		return im.damaged("after the end")
	case im.number == 1:
		if err := im.head(b); err != nil {
			return err
		}
	case im.file != nil && string(kind) != `{"chunk"`:
		return im.damaged("a file lacks %d bytes", im.left)
	case string(kind) == `{"end"`:
		return im.end(ctx, b)
	default:
		if err := im.content(ctx, string(kind), b); err != nil {
			return err
		}
	}
	im.sum.Write(b)
	im.sum.Write([]byte{'\n'})
	return nil
}

func (im *importer) content(ctx context.Context, kind string, b []byte) error {
	switch kind {
	case `{"table"`:
		return im.item(ctx, b)
	case `{"file"`:
		return im.begin(ctx, b)
	case `{"chunk"`:
		return im.chunk(b)
	}
	return im.damaged("of no known kind")
}

func (im *importer) head(b []byte) error {
	var head headLine
	if err := json.Unmarshal(b, &head); err != nil || head.Parley != "export" {
		return im.damaged("this is not an export of Parley")
	}
	if head.Format > Format || head.Layout > im.h.Layout {
		return fmt.Errorf("%w: export format %d, layout %d; this version reads up to %d and %d",
			table.ErrNewer, head.Format, head.Layout, Format, im.h.Layout)
	}
	if head.Format != Format || head.Layout != im.h.Layout {
		return im.damaged("export format %d, layout %d are unknown", head.Format, head.Layout)
	}
	return im.parse(b, &head)
}

func (im *importer) item(ctx context.Context, b []byte) error {
	var line itemLine
	if err := im.parse(b, &line); err != nil {
		return err
	}
	if !slices.ContainsFunc(im.h.Tables, func(t table.Schema) bool { return t.Name == line.Table }) {
		return im.damaged("there is no table %q", line.Table)
	}
	it := table.Item{Key: table.Key{Part: line.Part, Sort: line.Sort}, Expires: line.Expires, Attrs: make([]table.Attr, 0, len(line.Attrs))}
	for name, v := range line.Attrs {
		it.Attrs = append(it.Attrs, table.Attr{Name: name, Value: table.Value(v)})
	}
	slices.SortFunc(it.Attrs, func(a, b table.Attr) int { return cmp.Compare(a.Name, b.Name) })
	full := len(im.ops) == table.MaxOps || im.size+len(b) > maxBatch || im.batched[it.Key] ||
		len(im.ops) > 0 && im.ops[0].Table != line.Table
	if full {
		if err := im.flush(ctx); err != nil {
			return err
		}
	}
	im.ops = append(im.ops, table.Op{Kind: table.Put, Table: line.Table, Item: it, If: table.Cond{Kind: table.Absent}})
	im.numbers = append(im.numbers, im.number)
	im.size += len(b)
	im.batched[it.Key] = true
	im.counts.Items++
	return nil
}

// flush writes the items that were gathered.
func (im *importer) flush(ctx context.Context) error {
	if len(im.ops) == 0 {
		return nil
	}
	err := im.h.Store.Write(ctx, im.ops...)
	if err != nil {
		return im.blame(ctx, err)
	}
	im.ops, im.numbers, im.size = im.ops[:0], im.numbers[:0], 0
	clear(im.batched)
	return nil
}

// blame finds the line for which a write was refused.
func (im *importer) blame(ctx context.Context, err error) error {
	if failed, ok := errors.AsType[*table.Failed](err); ok && len(failed.Ops) > 0 {
		im.number = im.numbers[failed.Ops[0]]
		return im.damaged("the item was there already")
	}
	if errors.Is(err, table.ErrInvalid) {
		for i, op := range im.ops {
			if one := im.h.Store.Write(ctx, op); errors.Is(one, table.ErrInvalid) {
				im.number = im.numbers[i]
				return im.damaged("%v", one)
			}
		}
	}
	return fmt.Errorf("write lines %d to %d: %w", im.numbers[0], im.numbers[len(im.numbers)-1], err)
}

func (im *importer) begin(ctx context.Context, b []byte) error {
	var line fileLine
	if err := im.parse(b, &line); err != nil {
		return err
	}
	if im.h.Files == nil || line.File == "" || line.Size < 0 {
		return im.damaged("a file that cannot be")
	}
	there, err := im.h.Files.Exists(ctx, line.File)
	if err == nil && there {
		return im.damaged("the file %q was there already", line.File)
	}
	if err == nil {
		ctx, im.cancel = context.WithCancel(ctx)
		im.file, err = im.h.Files.NewWriter(ctx, line.File, &blob.WriterOptions{
			ContentType: line.Type, CacheControl: line.Cache, DisableContentTypeDetection: true,
		})
	}
	if err != nil {
		return fmt.Errorf("write the file %q: %w", line.File, err)
	}
	im.left = line.Size
	return im.close()
}

func (im *importer) chunk(b []byte) error {
	var line chunkLine
	if err := im.parse(b, &line); err != nil {
		return err
	}
	n := int64(len(line.Chunk))
	if im.file == nil || n == 0 || n != min(chunkSize, im.left) {
		return im.damaged("a part of a file in the wrong place")
	}
	if _, err := im.file.Write(line.Chunk); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	im.left -= n
	return im.close()
}

// close ends the file if all of it has come.
func (im *importer) close() error {
	if im.left > 0 {
		return nil
	}
	err := im.file.Close()
	im.cancel()
	im.file = nil
	if err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	im.counts.Files++
	return nil
}

// abandon gives up a file that is not complete.
func (im *importer) abandon() {
	if im.file != nil {
		im.cancel()
		_ = im.file.Close() // fails, and removes what was written
		im.file = nil
	}
}

func (im *importer) end(ctx context.Context, b []byte) error {
	var line endLine
	if err := im.parse(b, &line); err != nil {
		return err
	}
	if err := im.flush(ctx); err != nil {
		return err
	}
	switch sum := hex.EncodeToString(im.sum.Sum(nil)); {
	case line.End.Counts != im.counts:
		return im.damaged("%d items and %d files came, %d and %d were exported",
			im.counts.Items, im.counts.Files, line.End.Items, line.End.Files)
	case line.End.SHA256 != sum:
		return im.damaged("the sum of the lines before is wrong: some of them were changed")
	}
	im.ended = true
	return nil
}

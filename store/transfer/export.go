package transfer

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"parley/store/table"
)

// Export writes everything in h to w. Memory stays bounded. The result is consistent if nobody writes meanwhile: export
// from a checkpoint of a running store.
func Export(ctx context.Context, h House, w io.Writer) (Counts, error) {
	out := bufio.NewWriterSize(w, 1<<16)
	e := exporter{out: out, sum: sha256.New()}
	if err := e.all(ctx, h); err != nil {
		return e.counts, err
	}
	return e.counts, out.Flush()
}

type exporter struct {
	out    *bufio.Writer
	sum    hash.Hash
	counts Counts
}

func (e *exporter) all(ctx context.Context, h House) error {
	if err := e.line(headLine{"export", Format, h.Layout}); err != nil {
		return err
	}
	tables := slices.SortedFunc(slices.Values(h.Tables), func(a, b table.Schema) int { return cmp.Compare(a.Name, b.Name) })
	for _, t := range tables {
		if err := e.table(ctx, h, t.Name); err != nil {
			return err
		}
	}
	if h.Files != nil {
		if err := e.files(ctx, h.Files); err != nil {
			return err
		}
	}
	return e.line(endLine{end{e.counts, hex.EncodeToString(e.sum.Sum(nil))}})
}

func (e *exporter) line(v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	b = append(b, '\n')
	e.sum.Write(b)
	_, err = e.out.Write(b)
	return err
}

func (e *exporter) table(ctx context.Context, h House, name string) error {
	for after := ""; ; {
		page, err := h.Store.Scan(ctx, name, after, 0)
		if err != nil {
			return fmt.Errorf("read table %s: %w", name, err)
		}
		for i := range page.Items {
			if h.Derived != nil && h.Derived(name, page.Items[i].Key) {
				continue
			}
			if err := e.item(name, &page.Items[i]); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func (e *exporter) item(name string, it *table.Item) error {
	line := itemLine{Table: name, Part: it.Key.Part, Sort: it.Key.Sort, Expires: it.Expires, Attrs: make(map[string]value, len(it.Attrs))}
	for _, a := range it.Attrs {
		line.Attrs[a.Name] = value(a.Value)
	}
	e.counts.Items++
	return e.line(line)
}

func (e *exporter) files(ctx context.Context, bucket *blob.Bucket) error {
	for list := bucket.List(nil); ; {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = e.file(ctx, bucket, object.Key)
		}
		if err != nil {
			return fmt.Errorf("read the files: %w", err)
		}
	}
}

// file writes one file; one that was removed since it was listed is left out.
func (e *exporter) file(ctx context.Context, bucket *blob.Bucket, key string) error {
	attrs, err := bucket.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	left := r.Size()
	if err := e.line(fileLine{key, attrs.ContentType, attrs.CacheControl, left}); err != nil {
		return err
	}
	for chunk := make([]byte, chunkSize); left > 0; left -= int64(len(chunk)) {
		chunk = chunk[:min(int64(cap(chunk)), left)]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := e.line(chunkLine{chunk}); err != nil {
			return err
		}
	}
	e.counts.Files++
	return nil
}

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"parley/admin"
	"parley/chat"
	"parley/identity"
	"parley/store"
	"parley/store/pebble"
	"parley/store/transfer"
)

// Operations are what the operator can do to s, whether it runs or was only opened.
func (s *Server) Operations() admin.Operations { return operations{s} }

type operations struct{ *Server }

// AddUser implements admin.Operations.
func (o operations) AddUser(ctx context.Context, n admin.NewAccount) (admin.Account, error) {
	a, err := o.accounts.AddUser(ctx, identity.NewUser(n))
	return admin.Account(a), err
}

// Users implements admin.Operations.
func (o operations) Users(ctx context.Context, cursor string) ([]admin.Account, string, error) {
	page, next, err := o.accounts.ListUsers(ctx, cursor, 200)
	out := make([]admin.Account, len(page))
	for i := range page {
		out[i] = admin.Account(page[i])
	}
	return out, next, err
}

// SetDisabled implements admin.Operations.
func (o operations) SetDisabled(ctx context.Context, username string, disabled bool) error {
	if disabled {
		return o.accounts.Disable(ctx, username)
	}
	return o.accounts.Enable(ctx, username)
}

// ResetPassword implements admin.Operations.
func (o operations) ResetPassword(ctx context.Context, username, password string) (string, error) {
	return o.accounts.ResetPassword(ctx, username, password)
}

// Rooms implements admin.Operations.
func (o operations) Rooms(ctx context.Context, cursor string) ([]admin.Room, string, error) {
	page, next, err := o.store.AllRooms(ctx, cursor)
	out := make([]admin.Room, len(page))
	for i, r := range page {
		out[i] = admin.Room{Room: r, Members: r.MemberCount, Messages: r.MessageCount}
	}
	return out, next, err
}

// Export implements admin.Operations. What is written meanwhile does not disturb it: it reads a checkpoint.
func (o operations) Export(ctx context.Context, w io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.cfg.Data, ".export-*")
	if err != nil {
		return fmt.Errorf("make a folder to export from: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := o.db.Checkpoint(storeDir(dir)); err != nil {
		return err
	}
	db, err := pebble.Open(pebble.Options{Dir: storeDir(dir), Schemas: store.Schemas(), Now: o.cfg.Now, OpenFiles: pebble.FewFiles})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = transfer.Export(ctx, transfer.House{Store: db, Tables: store.Schemas(), Layout: store.Format, Files: o.bucket, Derived: store.Derived}, w)
	return err
}

// Backup implements admin.Operations. Files never change, but come and go: they are copied before the store and once more
// after it, so that what the copy of the store names is there.
func (o operations) Backup(ctx context.Context, dir string) (err error) {
	if !filepath.IsAbs(dir) {
		return chat.Errorf(chat.InvalidRequest, "The path of a backup must be absolute.")
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return chat.Errorf(chat.Conflict, "%s is there already: name a folder that does not exist.", dir)
	} else if err != nil {
		return fmt.Errorf("make the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("make the backup: %w", err), os.RemoveAll(dir))
		}
	}()
	if err := copyFiles(ctx, filesDir(o.cfg.Data), filesDir(dir)); err != nil {
		return err
	}
	if err := o.db.Checkpoint(storeDir(dir)); err != nil {
		return err
	}
	if err := copyFiles(ctx, filesDir(o.cfg.Data), filesDir(dir)); err != nil {
		return err
	}
	return syncDir(dir)
}

// copyFiles copies the files of a folder that are not in the other yet; one that vanishes meanwhile is left out.
func copyFiles(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		if filepath.Ext(name) == ".tmp" { // being written
			return nil
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Import makes a new data folder, which must not exist or be empty, from an export. It appears whole or not at all.
func Import(ctx context.Context, data string, r io.Reader) (counts transfer.Counts, err error) {
	if entries, err := os.ReadDir(data); err == nil && len(entries) > 0 {
		return counts, transfer.ErrNotEmpty
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return counts, fmt.Errorf("look into the data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		return counts, fmt.Errorf("make the data folder: %w", err)
	}
	half, err := os.MkdirTemp(filepath.Dir(data), ".import-*")
	if err != nil {
		return counts, fmt.Errorf("make the data folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(half))
		}
	}()
	if counts, err = importInto(ctx, half, r); err != nil {
		return counts, err
	}
	if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return counts, fmt.Errorf("replace the empty data folder: %w", err)
	}
	if err := os.Rename(half, data); err != nil {
		return counts, fmt.Errorf("name the data folder: %w", err)
	}
	return counts, syncDir(filepath.Dir(data))
}

func importInto(ctx context.Context, data string, r io.Reader) (counts transfer.Counts, err error) {
	s := &Server{cfg: Config{Data: data, Logger: slog.New(slog.DiscardHandler)}.withDefaults()}
	if err := s.openData(); err != nil {
		return counts, errors.Join(err, s.Close())
	}
	house := transfer.House{Store: s.db, Tables: store.Schemas(), Layout: store.Format, Files: s.bucket}
	counts, err = transfer.Import(ctx, house, r)
	return counts, errors.Join(err, s.Close())
}

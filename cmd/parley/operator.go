package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"parley/admin"
	"parley/wiring/server"
)

// operations returns what can be done to a data folder: through the server that runs on it, or by opening it here.
func (f dataFlag) operations(ctx context.Context) (admin.Operations, io.Closer, error) {
	if client, err := admin.Dial(ctx, f.Data); err == nil {
		return client, client, nil
	}
	if _, err := os.Stat(f.Data); err != nil {
		return nil, nil, fmt.Errorf("open the data folder: %w", err)
	}
	s, err := server.New(ctx, server.Config{Data: f.Data, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	return s.Operations(), s, nil
}

// with calls do with the operations of the data folder.
func (f dataFlag) with(ctx context.Context, do func(admin.Operations) error) error {
	ops, closer, err := f.operations(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(ops), closer.Close())
}

// jsonFlag chooses a form for programs.
type jsonFlag struct {
	JSON bool `help:"Print one JSON object a line." name:"json"`
}

type userCmd struct {
	Add           userAddCmd     `cmd:"" help:"Make an account, whoever may register."`
	List          userListCmd    `cmd:"" help:"List all accounts."`
	Disable       userDisableCmd `cmd:"" help:"Keep a person from signing in, and end their sessions."`
	Enable        userEnableCmd  `cmd:"" help:"Let a disabled person sign in again."`
	ResetPassword userResetCmd   `cmd:"" help:"Set a person's password, made up if none is given, and end their sessions."`
}

type userAddCmd struct {
	dataFlag
	passwordFlag
	Username    string `arg:"" help:"3 to 32 characters out of a-z, 0-9, dot, underscore and hyphen."`
	Email       string `help:"The person's e-mail address." placeholder:"ADDRESS"`
	DisplayName string `help:"How others see the person; the username if missing." placeholder:"NAME"`
	Admin       bool   `help:"Make the person an administrator, as the first one always is."`
}

// Run makes an account.
func (c *userAddCmd) Run(ctx context.Context, std streams) error {
	password, err := c.password(std, true)
	if err != nil {
		return err
	}
	return c.with(ctx, func(ops admin.Operations) error {
		a, err := ops.AddUser(ctx, admin.NewAccount{
			Username: c.Username, Email: c.Email, Password: password, DisplayName: c.DisplayName, Admin: c.Admin,
		})
		if err != nil {
			return plainError(err)
		}
		role := "a member"
		if a.Admin {
			role = "an administrator"
		}
		_, err = fmt.Fprintf(std.out, "%s is %s now\n", a.Username, role)
		return err
	})
}

type userListCmd struct {
	dataFlag
	jsonFlag
}

// Run lists accounts.
func (c *userListCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(ops admin.Operations) error {
		return list(ctx, std.out, c.JSON, "USERNAME\tDISPLAY NAME\tSINCE\tSTATE\tID", ops.Users, func(a admin.Account) string {
			state := "member"
			switch {
			case a.Disabled:
				state = "disabled"
			case a.Admin:
				state = "admin"
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", a.Username, a.DisplayName, day(a.CreatedAt), state, a.UserID)
		})
	})
}

// list prints every page of something, as a table or as JSON lines.
func list[T any](ctx context.Context, w io.Writer, asJSON bool, head string, page func(context.Context, string) ([]T, string, error),
	line func(T) string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(out, head)
	}
	encoder := json.NewEncoder(w)
	for cursor := ""; ; {
		items, next, err := page(ctx, cursor)
		if err != nil {
			return plainError(err)
		}
		for _, it := range items {
			if !asJSON {
				fmt.Fprintln(out, line(it))
			} else if err := encoder.Encode(it); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return out.Flush()
		}
	}
}

func day(ms int64) string { return time.UnixMilli(ms).Format(time.DateOnly) }

type userDisableCmd struct {
	dataFlag
	Username string `arg:"" help:"Who."`
}

// Run disables an account.
func (c *userDisableCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(ops admin.Operations) error {
		if err := ops.SetDisabled(ctx, c.Username, true); err != nil {
			return plainError(err)
		}
		_, err := fmt.Fprintf(std.out, "%s cannot sign in any more\n", c.Username)
		return err
	})
}

type userEnableCmd struct {
	dataFlag
	Username string `arg:"" help:"Who."`
}

// Run enables an account.
func (c *userEnableCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(ops admin.Operations) error {
		if err := ops.SetDisabled(ctx, c.Username, false); err != nil {
			return plainError(err)
		}
		_, err := fmt.Fprintf(std.out, "%s can sign in again\n", c.Username)
		return err
	})
}

type userResetCmd struct {
	dataFlag
	passwordFlag
	Username string `arg:"" help:"Who."`
}

// Run sets a password.
func (c *userResetCmd) Run(ctx context.Context, std streams) error {
	password, given, err := c.given()
	if err != nil {
		return err
	}
	return c.with(ctx, func(ops admin.Operations) error {
		password, err := ops.ResetPassword(ctx, c.Username, password)
		if err != nil {
			return plainError(err)
		}
		if given {
			_, err = fmt.Fprintf(std.out, "%s has the new password\n", c.Username)
		} else {
			_, err = fmt.Fprintf(std.out, "%s has the password %s\n", c.Username, password)
		}
		return err
	})
}

type roomCmd struct {
	List roomListCmd `cmd:"" help:"List all rooms, direct ones too; never what is said in them."`
}

type roomListCmd struct {
	dataFlag
	jsonFlag
}

// Run lists rooms.
func (c *roomListCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(ops admin.Operations) error {
		return list(ctx, std.out, c.JSON, "NAME\tKIND\tMEMBERS\tMESSAGES\tSINCE\tID", ops.Rooms, func(r admin.Room) string {
			return fmt.Sprintf("%s\t%s\t%d\t%d\t%s\t%s", r.Name, r.Kind, r.Members, r.Messages, day(r.CreatedAt), r.RoomID)
		})
	})
}

type exportCmd struct {
	dataFlag
	Output string `help:"File to write, readable by its owner only; standard output if missing." short:"o" type:"path" placeholder:"FILE"`
}

// Run exports.
func (c *exportCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(ops admin.Operations) error {
		if c.Output == "" {
			return plainError(ops.Export(ctx, std.out))
		}
		f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err = errors.Join(plainError(ops.Export(ctx, f)), f.Sync(), f.Close()); err != nil {
			_ = os.Remove(c.Output) // half an export helps nobody
		}
		return err
	})
}

type importCmd struct {
	dataFlag
	Input string `arg:"" optional:"" help:"The export; standard input if missing." type:"path"`
}

// Run imports.
func (c *importCmd) Run(ctx context.Context, std streams) error {
	in := io.Reader(std.in)
	if c.Input != "" {
		f, err := os.Open(c.Input)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	counts, err := server.Import(ctx, c.Data, in)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%d items and %d files are in %s now\n", counts.Items, counts.Files, c.Data)
	return err
}

type backupCmd struct {
	dataFlag
	Dir string `arg:"" help:"The copy, a folder that does not exist. It can be served with --data." type:"path"`
}

// Run copies the data folder.
func (c *backupCmd) Run(ctx context.Context, std streams) error {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	return c.with(ctx, func(ops admin.Operations) error {
		if err := ops.Backup(ctx, dir); err != nil {
			return plainError(err)
		}
		_, err := fmt.Fprintf(std.out, "the copy is in %s\n", dir)
		return err
	})
}

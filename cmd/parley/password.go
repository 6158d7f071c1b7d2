package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// passwordFlag says where a password comes from. It is never a flag itself, since others on the machine can read those.
type passwordFlag struct {
	PasswordFile string `help:"File with the password in its first line. Else it comes from the environment variable PARLEY_PASSWORD, or is asked for." env:"PARLEY_PASSWORD_FILE" type:"path" placeholder:"FILE"`
}

// given returns the password of the file or the environment; ok is false if there is none.
func (f passwordFlag) given() (password string, ok bool, err error) {
	if f.PasswordFile == "" {
		password, ok = os.LookupEnv("PARLEY_PASSWORD")
		return password, ok, nil
	}
	text, err := os.ReadFile(f.PasswordFile)
	if err != nil {
		return "", false, usageError{fmt.Errorf("--password-file: %w", err)}
	}
	password, _, _ = strings.Cut(string(text), "\n")
	return strings.TrimSuffix(password, "\r"), true, nil
}

// password returns the password that was given, or asks for it; twice if it is a new one.
func (f passwordFlag) password(std streams, isNew bool) (string, error) {
	password, ok, err := f.given()
	if ok || err != nil {
		return password, err
	}
	if !term.IsTerminal(int(std.in.Fd())) {
		return "", usagef("a password is needed: set PARLEY_PASSWORD or --password-file")
	}
	password, err = askPassword(std, "Password: ")
	if err != nil || !isNew {
		return password, err
	}
	again, err := askPassword(std, "Again: ")
	if err != nil {
		return "", err
	}
	if again != password {
		return "", errors.New("the two passwords differ")
	}
	return password, nil
}

func askPassword(std streams, prompt string) (string, error) {
	fmt.Fprint(std.err, prompt)
	password, err := term.ReadPassword(int(std.in.Fd()))
	fmt.Fprintln(std.err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(password), nil
}

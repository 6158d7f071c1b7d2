// Command parley is the whole of Parley on one machine: the server with its web app, the tools of its operator, and a
// chat client for the terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"parley/chat"
)

// Exit codes.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // the command line, the environment or the configuration file is wrong
)

// cli is the command line. Every flag says what it does; `serve` and the operator's commands share the data folder.
type cli struct {
	Config string `help:"File of settings: a JSON object with the names of flags. Flags and environment go before it." env:"PARLEY_CONFIG" type:"path" placeholder:"FILE"`

	Serve   serveCmd   `cmd:"" help:"Serve the app, the API and the socket on one port."`
	Chat    chatCmd    `cmd:"" help:"Chat in the terminal, or send and follow through pipes."`
	User    userCmd    `cmd:"" help:"List and change accounts, of a running server too."`
	Room    roomCmd    `cmd:"" help:"List rooms, of a running server too."`
	Export  exportCmd  `cmd:"" help:"Write everything as JSON lines, of a running server too. The result is as secret as the data folder."`
	Import  importCmd  `cmd:"" help:"Make a new data folder from an export."`
	Backup  backupCmd  `cmd:"" help:"Copy the data folder, of a running server too, into one that can be served."`
	Seed    seedCmd    `cmd:"" help:"Fill a data folder with synthetic people, rooms and messages, for demonstrations and load tests."`
	Ready   readyCmd   `cmd:"" help:"Say whether a server can serve, for health checks."`
	Bench   benchCmd   `cmd:"" help:"Load a fresh server on this machine and say what it costs. Needs Linux."`
	Floor   floorCmd   `cmd:"" hidden:"" help:"The bare server that bench compares with."`
	Version versionCmd `cmd:"" help:"Print version, commit and Go version."`
}

// dataFlag is the data folder.
type dataFlag struct {
	Data string `help:"Folder of all data (${default}); made if missing." env:"PARLEY_DATA" default:"data" type:"path" placeholder:"DIR"`
}

// streams are where a command reads and writes.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// usageError is a mistake in how the program was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	os.Exit(code)
}

// run is the program, and returns its exit code.
func run(ctx context.Context, args []string, std streams) int {
	err := runCommand(ctx, args, std)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errHelp):
		return 0
	}
	fmt.Fprintln(std.err, "parley:", oneLine(err.Error()))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// errHelp says that help was printed, and there is nothing else to do.
var errHelp = errors.New("help was printed")

func runCommand(ctx context.Context, args []string, std streams) error {
	command, err := parse(ctx, args, std, &cli{})
	if err != nil {
		return err
	}
	return command.Run()
}

// parse fills c from the command line, the environment and the file of settings.
func parse(ctx context.Context, args []string, std streams, c *cli) (command *kong.Context, err error) {
	parser, err := kong.New(c,
		kong.Name("parley"),
		kong.Description("A chat on one machine. Settings come from flags, then the environment (PARLEY_…), then the file of --config."),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.Exit(func(int) { panic(errHelp) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std),
	)
	if err != nil {
		return nil, err
	}
	defer func() { // kong prints help in the middle of parsing and then wants to exit
		if p := recover(); p != nil {
			if p != any(errHelp) {
				panic(p)
			}
			err = errHelp
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if command, err = parser.Parse(args); err != nil {
		return nil, usageError{err}
	}
	return command, nil
}

// plainError is err for people: a refusal is its sentence.
func plainError(err error) error {
	if refusal, ok := errors.AsType[*chat.Error](err); ok && refusal.Code != chat.Internal {
		return errors.New(refusal.Message)
	}
	return err
}

// oneLine keeps an error on its line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Command devaws is the AWS house on one machine, for development and browser tests: the true functions and the web app
// on one address, as CloudFront puts them, in front of an emulation of AWS (package awsdev) and DynamoDB Local.
// It ends with everything that was said in it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"parley/awsdev"
	"parley/httpapi"
	"parley/identity/cognito"
	"parley/identity/cognito/cognitotest"
	"parley/store"
	"parley/store/dynamo"
	"parley/store/dynamo/dynamotest"
	"parley/web"
)

// maintainEvery is how often the functions' house is cleaned, as Terraform's schedule has it.
const maintainEvery = 15 * time.Minute

// cli is the command line. Settings of the functions (PARLEY_LIMITS, PARLEY_REGISTRATION, …) are taken from the environment.
type cli struct {
	SocketLife time.Duration `help:"After how long a WebSocket is ended, as API Gateway does after two hours." env:"PARLEY_SOCKET_LIFE" default:"2h"`
	SocketLate time.Duration `help:"How much later than announced a WebSocket is ended: where lives are seconds, the time that a machine needs to open the next one is not." env:"DEVAWS_SOCKET_LATE" default:"0s"`
	Identity   string        `help:"Who keeps the accounts: local (the tables) or cognito (cognito-local)." env:"PARLEY_IDENTITY" default:"local" enum:"local,cognito"`
	Listen     string        `help:"Address of this machine to serve at." default:"127.0.0.1:8080"`
	Functions  string        `help:"The program of all functions, built for this machine." default:"bin/functions" type:"existingfile"`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("devaws"), kong.Description("The AWS house on this machine. Nothing is kept when it ends."))
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx, log); err != nil {
		log.Error("ended", "error", err)
		os.Exit(1) //nolint:gocritic // run has ended everything
	}
}

// run serves until the end of ctx.
func (c *cli) run(ctx context.Context, log *slog.Logger) (err error) {
	files, err := web.Files()
	if err != nil {
		return err
	}
	app, err := httpapi.App(files)
	if err != nil {
		return err
	}
	tables, err := dynamotest.Start(context.WithoutCancel(ctx)) // it outlives the functions
	if err != nil {
		return err
	}
	defer tables.Stop()
	const prefix = "parley-dev-"
	if err := dynamo.CreateTables(ctx, tables.Client(), prefix, store.Schemas(), "messages"); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	env := append(settings(), "PARLEY_IDENTITY="+c.Identity, "PARLEY_SOCKET_LIFE="+c.SocketLife.String())
	if c.Identity == "cognito" {
		pool, err := cognitotest.Start(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		defer pool.Stop()
		id, client, err := pool.NewPool(ctx, cognito.AdminGroup)
		if err != nil {
			return err
		}
		env = append(env, "PARLEY_COGNITO_USER_POOL_ID="+id, "PARLEY_COGNITO_CLIENT_ID="+client, "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+pool.URL)
		log.InfoContext(ctx, "accounts are kept by cognito-local, and no mail is sent", "code", cognitotest.Code)
	}
	house, err := awsdev.Start(ctx, awsdev.Config{
		Program: c.Functions, DynamoDB: tables.Config(), TablePrefix: prefix, Env: env, Listen: c.Listen, App: app, Limits: awsdev.Limits{Life: c.SocketLife + c.SocketLate}, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("start the house: %w", err)
	}
	defer func() { err = errors.Join(err, house.Close()) }()
	log.InfoContext(ctx, "listening", "address", strings.TrimPrefix(house.URL, "http://"))
	for tick := time.Tick(maintainEvery); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			if _, err := house.Invoke(ctx, awsdev.Maintain, struct{}{}); err != nil {
				log.WarnContext(ctx, "maintain", "error", err)
			}
		}
	}
}

// settings are those of Parley in the environment of this program.
func settings() []string {
	var all []string
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "PARLEY_") {
			all = append(all, e)
		}
	}
	return all
}

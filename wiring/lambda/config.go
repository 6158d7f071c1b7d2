package lambda

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"parley/identity"
)

// Config says what a function is and where the others are. It is the environment of the function, by the names given.
type Config struct {
	Function       string        // PARLEY_FUNCTION: socket, http, fanout, stream, notify or maintain
	TablePrefix    string        // PARLEY_TABLE_PREFIX, before the names of the tables
	FanoutQueue    string        // PARLEY_FANOUT_QUEUE_URL, a FIFO queue; empty: all is pushed at once
	NotifyQueue    string        // PARLEY_NOTIFY_QUEUE_URL
	SocketEndpoint string        // PARLEY_SOCKET_ENDPOINT: @connections of the WebSocket API, with its stage
	SocketLife     time.Duration // PARLEY_SOCKET_LIFE, after which any WebSocket is ended; default 2h, as API Gateway does
	PublicURL      *url.URL      // PARLEY_PUBLIC_URL, where people reach the app
	OriginSecret   string        // PARLEY_ORIGIN_SECRET, by which the distribution in front is known
	FilesBucket    string        // PARLEY_FILES_BUCKET, of attachments and pictures
	Registration   identity.Mode // PARLEY_REGISTRATION, default closed
	Identity       string        // PARLEY_IDENTITY: local (default) or cognito
	UserPool       string        // PARLEY_COGNITO_USER_POOL_ID
	UserPoolClient string        // PARLEY_COGNITO_CLIENT_ID
	VAPIDParameter string        // PARLEY_VAPID_PARAMETER, of Web Push
	VAPIDSubject   string        // PARLEY_VAPID_SUBJECT, default the public URL
	PushPrivate    bool          // PARLEY_PUSH_ALLOW_PRIVATE=1, for tests
	LimitsOff      bool          // PARLEY_LIMITS=off, for load tests
	Direct         int           // PARLEY_DIRECT: connections that the function that wrote pushes to itself; default 100
	Version        string
	Logger         *slog.Logger
}

// FromEnv reads the configuration. What is wrong is said once, at the start.
func FromEnv(get func(name string) string, version string) (Config, error) {
	c := Config{
		Function: get("PARLEY_FUNCTION"), TablePrefix: get("PARLEY_TABLE_PREFIX"), FanoutQueue: get("PARLEY_FANOUT_QUEUE_URL"),
		NotifyQueue: get("PARLEY_NOTIFY_QUEUE_URL"), SocketEndpoint: get("PARLEY_SOCKET_ENDPOINT"), OriginSecret: get("PARLEY_ORIGIN_SECRET"),
		FilesBucket: get("PARLEY_FILES_BUCKET"), Registration: identity.Mode(cmp.Or(get("PARLEY_REGISTRATION"), string(identity.Closed))),
		Identity: cmp.Or(get("PARLEY_IDENTITY"), "local"), UserPool: get("PARLEY_COGNITO_USER_POOL_ID"), UserPoolClient: get("PARLEY_COGNITO_CLIENT_ID"),
		VAPIDParameter: get("PARLEY_VAPID_PARAMETER"), VAPIDSubject: get("PARLEY_VAPID_SUBJECT"), PushPrivate: get("PARLEY_PUSH_ALLOW_PRIVATE") == "1",
		LimitsOff: get("PARLEY_LIMITS") == "off", Version: version,
	}
	var err error
	if c.SocketLife, err = time.ParseDuration(cmp.Or(get("PARLEY_SOCKET_LIFE"), "2h")); err != nil || c.SocketLife <= 0 {
		return c, fmt.Errorf("PARLEY_SOCKET_LIFE: %q is not like 2h", get("PARLEY_SOCKET_LIFE"))
	}
	c.Logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if get("PARLEY_LOG_FORMAT") == "text" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if s := get("PARLEY_DIRECT"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return c, fmt.Errorf("PARLEY_DIRECT: %q is not a number of connections", s)
		}
		c.Direct = n
	}
	if s := get("PARLEY_PUBLIC_URL"); s != "" {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			return c, fmt.Errorf("PARLEY_PUBLIC_URL: %q is not like https://chat.example.org", s)
		}
		c.PublicURL = &url.URL{Scheme: u.Scheme, Host: u.Host}
	}
	switch {
	case c.SocketEndpoint == "":
		return c, fmt.Errorf("PARLEY_SOCKET_ENDPOINT: name the address of @connections")
	case c.FilesBucket == "":
		return c, fmt.Errorf("PARLEY_FILES_BUCKET: name the bucket of what people upload")
	case !slices.Contains([]identity.Mode{identity.Open, identity.InviteOnly, identity.Closed}, c.Registration):
		return c, fmt.Errorf("PARLEY_REGISTRATION: %q is not open, invite or closed", c.Registration)
	case c.Identity != "local" && c.Identity != "cognito":
		return c, fmt.Errorf("PARLEY_IDENTITY: %q is not local or cognito", c.Identity)
	}
	return c, nil
}

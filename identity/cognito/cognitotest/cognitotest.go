// Package cognitotest gives tests and the development house a Cognito: cognito-local on this machine, with what it lacks
// put before it (see gate). The first who needs it fetches it from npm into the user's cache folder.
package cognitotest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"

	"parley/internal/foreign"
)

const version = "5.3.0" // of the npm package cognito-local

// Code is what everybody is sent to confirm who they are, or to choose a new password.
const Code = "314159"

// Server is a running Cognito.
type Server struct {
	URL string          // for AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER; it begins the issuer of tokens too
	Key jose.JSONWebKey // signs tokens

	gate  *gate
	front *httptest.Server
	local *foreign.Server
	data  string
}

// Start starts a Cognito without pools. It lives until Stop or the end of ctx, at most as long as this process.
func Start(ctx context.Context) (*Server, error) {
	dir, err := install(ctx)
	if err != nil {
		return nil, err
	}
	key, err := readKey(dir)
	if err != nil {
		return nil, err
	}
	g := newGate(key)
	s := &Server{Key: key, gate: g, front: httptest.NewServer(g)}
	s.URL = s.front.URL
	if err := s.start(ctx, dir); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, dir string) (err error) {
	if s.data, err = os.MkdirTemp("", "cognito-local-"); err != nil {
		return err
	}
	config := `{"UserPoolDefaults":{"UsernameAttributes":[],"MfaConfiguration":"OFF"},"TokenConfig":{"IssuerDomain":"` + s.URL + `"}}`
	err = os.Mkdir(filepath.Join(s.data, ".cognito"), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.data, ".cognito", "config.json"), []byte(config), 0o600)
	}
	if err != nil {
		return err
	}
	s.local, err = foreign.Serve(ctx, foreign.Command{
		Dir: s.data,
		Args: func(string) []string {
			return []string{"node", filepath.Join(dir, "node_modules/cognito-local/lib/bin/start.js")}
		},
		Env: func(port string) []string { return []string{"HOST=127.0.0.1", "PORT=" + port, "CODE=" + Code} },
	})
	if err != nil {
		return err
	}
	s.gate.setNext(s.local.URL)
	return nil
}

// Stop ends it.
func (s *Server) Stop() {
	if s.local != nil {
		s.local.Stop()
	}
	http.DefaultClient.CloseIdleConnections() // the gate's
	s.front.Close()
	if s.data != "" {
		_ = os.RemoveAll(s.data)
	}
}

func install(ctx context.Context) (string, error) {
	return foreign.Install("cognito-local-"+version, func(dir string) error {
		return foreign.NPM(ctx, dir, "install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "cognito-local@"+version)
	})
}

// readKey reads the key with which cognito-local signs.
func readKey(dir string) (key jose.JSONWebKey, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "node_modules/cognito-local/lib/keys/cognitoLocal.private.json"))
	var file struct {
		JWK json.RawMessage `json:"jwk"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err == nil {
		err = key.UnmarshalJSON(file.JWK)
	}
	key.KeyID = "CognitoLocal"
	return key, err
}

// Client is the real SDK's, for a server at url.
func Client(url string) *cognitoidp.Client {
	return cognitoidp.New(cognitoidp.Options{Region: "local", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
}

// NewPool makes a pool as Terraform does, with groups, and a client of it.
func (s *Server) NewPool(ctx context.Context, groups ...string) (userPoolID, clientID string, err error) {
	admin := Client(s.local.URL)
	made, err := admin.CreateUserPool(ctx, &cognitoidp.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}})
	if err != nil {
		return "", "", fmt.Errorf("make a pool: %w", err)
	}
	id := made.UserPool.Id
	client, err := admin.CreateUserPoolClient(ctx, &cognitoidp.CreateUserPoolClientInput{UserPoolId: id, ClientName: aws.String("back-end"), GenerateSecret: true,
		AccessTokenValidity: aws.Int32(10), IdTokenValidity: aws.Int32(10), RefreshTokenValidity: 365,
		TokenValidityUnits: &types.TokenValidityUnitsType{AccessToken: types.TimeUnitsTypeMinutes, IdToken: types.TimeUnitsTypeMinutes, RefreshToken: types.TimeUnitsTypeDays}})
	if err != nil {
		return "", "", fmt.Errorf("make a client: %w", err)
	}
	for _, name := range groups {
		_, failed := admin.CreateGroup(ctx, &cognitoidp.CreateGroupInput{UserPoolId: id, GroupName: &name})
		err = errors.Join(err, failed)
	}
	clientID = *client.UserPoolClient.ClientId
	s.gate.know(clientID, *client.UserPoolClient.ClientSecret)
	return *id, clientID, err
}

// Calls counts the calls of an operation so far.
func (s *Server) Calls(operation string) int {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.gate.calls[operation]
}

// Resent returns to whom a first code was sent again.
func (s *Server) Resent() []string {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return slices.Clone(s.gate.resent)
}

// Sign makes a token as cognito-local would.
func (s *Server) Sign(claims any) string { return Signed(jose.RS256, s.Key, claims) }

// Package cognito keeps passwords in an Amazon Cognito user pool and verifies its access tokens: an identity.Pool.
package cognito

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"parley/identity"
)

// AdminGroup is the group of a pool whose members are administrators.
const AdminGroup = "administrators"

// Config says which pool, and as which of its clients. Client, UserPoolID and ClientID are required.
type Config struct {
	Client     *cognitoidp.Client
	UserPoolID string
	ClientID   string
	// Issuer is the iss of the pool's tokens, under which its keys are found; the default is what the client's region
	// or endpoint makes of the pool's id.
	Issuer string
	HTTP   *http.Client     // fetches the keys; default one with a timeout
	Now    func() time.Time // default time.Now
}

// Pool implements identity.Pool. It is safe for concurrent use.
type Pool struct {
	client     *cognitoidp.Client
	userPoolID string
	clientID   string
	issuer     string
	keys       *keySet
	now        func() time.Time

	mu     sync.Mutex
	secret *string // of the client, read when it is first needed; empty if it has none
}

var _ identity.Pool = (*Pool)(nil)

// New makes a Pool. Nothing is asked of AWS before it is needed.
func New(c Config) (*Pool, error) {
	if c.Client == nil || c.UserPoolID == "" || c.ClientID == "" {
		return nil, errors.New("a Cognito pool needs a client, the pool's id and the client's id")
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Timeout: 5 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	issuer := cmp.Or(c.Issuer, defaultIssuer(c.Client.Options(), c.UserPoolID))
	return &Pool{
		client: c.Client, userPoolID: c.UserPoolID, clientID: c.ClientID, issuer: issuer, now: c.Now,
		keys: &keySet{url: issuer + "/.well-known/jwks.json", http: c.HTTP, now: c.Now},
	}, nil
}

func defaultIssuer(o cognitoidp.Options, pool string) string {
	if o.BaseEndpoint != nil {
		return strings.TrimSuffix(*o.BaseEndpoint, "/") + "/" + pool
	}
	return "https://cognito-idp." + o.Region + ".amazonaws.com/" + pool
}

// hash proves to Cognito, with the client's secret, that a call about a user is ours; nil for a client without one.
func (p *Pool) hash(ctx context.Context, username string) (*string, error) {
	secret, err := p.clientSecret(ctx)
	if err != nil || secret == "" {
		return nil, err
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(username + p.clientID))
	return aws.String(base64.StdEncoding.EncodeToString(h.Sum(nil))), nil
}

func (p *Pool) clientSecret(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.secret == nil {
		out, err := p.client.DescribeUserPoolClient(ctx, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: &p.userPoolID, ClientId: &p.clientID})
		if err != nil {
			return "", wrap("read the settings of the pool's client", err)
		}
		p.secret = aws.String(aws.ToString(out.UserPoolClient.ClientSecret))
	}
	return *p.secret, nil
}

// SignUp implements identity.Pool.
func (p *Pool) SignUp(ctx context.Context, username, email, password string) (string, bool, error) {
	hash, err := p.hash(ctx, username)
	if err != nil {
		return "", false, err
	}
	out, err := p.client.SignUp(ctx, &cognitoidp.SignUpInput{
		ClientId: &p.clientID, SecretHash: hash, Username: &username, Password: &password,
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: &email}},
	})
	if err != nil {
		return "", false, signUpError(err)
	}
	return aws.ToString(out.UserSub), !out.UserConfirmed, nil
}

// Confirm implements identity.Pool.
func (p *Pool) Confirm(ctx context.Context, username, code string) error {
	hash, err := p.hash(ctx, username)
	if err != nil {
		return err
	}
	_, err = p.client.ConfirmSignUp(ctx, &cognitoidp.ConfirmSignUpInput{ClientId: &p.clientID, SecretHash: hash, Username: &username, ConfirmationCode: &code})
	return codeError("confirm an account", err)
}

// Forgot implements identity.Pool.
func (p *Pool) Forgot(ctx context.Context, username string) error {
	hash, err := p.hash(ctx, username)
	if err != nil {
		return err
	}
	_, err = p.client.ForgotPassword(ctx, &cognitoidp.ForgotPasswordInput{ClientId: &p.clientID, SecretHash: hash, Username: &username})
	if is(err, "InvalidParameterException") { // no address of theirs is confirmed yet
		_, err = p.client.ResendConfirmationCode(ctx, &cognitoidp.ResendConfirmationCodeInput{ClientId: &p.clientID, SecretHash: hash, Username: &username})
	}
	if nobody(err) || is(err, "InvalidParameterException") {
		return nil
	}
	return wrap("send a code", err)
}

// Reset implements identity.Pool.
func (p *Pool) Reset(ctx context.Context, username, code, password string) error {
	hash, err := p.hash(ctx, username)
	if err != nil {
		return err
	}
	_, err = p.client.ConfirmForgotPassword(ctx, &cognitoidp.ConfirmForgotPasswordInput{
		ClientId: &p.clientID, SecretHash: hash, Username: &username, ConfirmationCode: &code, Password: &password,
	})
	return codeError("reset a password", err)
}

// SignIn implements identity.Pool.
func (p *Pool) SignIn(ctx context.Context, username, password string) (identity.Tokens, error) {
	return p.auth(ctx, types.AuthFlowTypeUserPasswordAuth, username, map[string]string{"USERNAME": username, "PASSWORD": password})
}

// Renew implements identity.Pool.
func (p *Pool) Renew(ctx context.Context, username, credential string) (identity.Tokens, error) {
	return p.auth(ctx, types.AuthFlowTypeRefreshTokenAuth, username, map[string]string{"REFRESH_TOKEN": credential})
}

func (p *Pool) auth(ctx context.Context, flow types.AuthFlowType, username string, parameters map[string]string) (identity.Tokens, error) {
	hash, err := p.hash(ctx, username)
	if err != nil {
		return identity.Tokens{}, err
	}
	if hash != nil {
		parameters["SECRET_HASH"] = *hash
	}
	out, err := p.client.InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{ClientId: &p.clientID, AuthFlow: flow, AuthParameters: parameters})
	if err != nil {
		return identity.Tokens{}, authError(err)
	}
	r := out.AuthenticationResult
	if r == nil { // a challenge, such as a second factor: the pool is not set up as ours
		return identity.Tokens{}, errUnsupported(out.ChallengeName)
	}
	who, err := p.Verify(aws.ToString(r.AccessToken))
	if err != nil {
		return identity.Tokens{}, errors.New("verify a token that the pool just made: " + err.Error()) // not the one's fault who signs in
	}
	return identity.Tokens{Access: *r.AccessToken, ExpiresIn: who.ExpiresAt.Sub(p.now()), Who: who, Credential: aws.ToString(r.RefreshToken)}, nil
}

// Revoke implements identity.Pool.
func (p *Pool) Revoke(ctx context.Context, credential string) error {
	if credential == "" {
		return nil
	}
	secret, err := p.clientSecret(ctx)
	if err != nil {
		return err
	}
	in := &cognitoidp.RevokeTokenInput{ClientId: &p.clientID, Token: &credential}
	if secret != "" {
		in.ClientSecret = &secret
	}
	_, err = p.client.RevokeToken(ctx, in)
	if is(err, "NotAuthorizedException") { // it is over already
		return nil
	}
	return wrap("revoke a token", err)
}

// ChangePassword implements identity.Pool: it signs in with the present password and changes it with the token it gets.
func (p *Pool) ChangePassword(ctx context.Context, username, current, password string) error {
	t, err := p.SignIn(ctx, username, current)
	if err != nil {
		return err
	}
	_, err = p.client.ChangePassword(ctx, &cognitoidp.ChangePasswordInput{AccessToken: &t.Access, PreviousPassword: &current, ProposedPassword: &password})
	return errors.Join(passwordError("change a password", err), p.Revoke(context.WithoutCancel(ctx), t.Credential))
}

// MakeAdmin implements identity.Pool.
func (p *Pool) MakeAdmin(ctx context.Context, username string) error {
	_, err := p.client.AdminAddUserToGroup(ctx, &cognitoidp.AdminAddUserToGroupInput{UserPoolId: &p.userPoolID, Username: &username, GroupName: aws.String(AdminGroup)})
	return wrap("make an administrator", err)
}

// Delete implements identity.Pool.
func (p *Pool) Delete(ctx context.Context, username string) error {
	_, err := p.client.AdminDeleteUser(ctx, &cognitoidp.AdminDeleteUserInput{UserPoolId: &p.userPoolID, Username: &username})
	if nobody(err) {
		return nil
	}
	return wrap("delete an account of the pool", err)
}

package cognito_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"parley/identity/cognito"
)

const code = "314159"

// gate stands before cognito-local and does what Cognito does and cognito-local (5.3.0) does not:
//   - the secret hash, or the secret, of a client is demanded and checked;
//   - access tokens name their session (origin_jti), the same after each renewal;
//   - a wrong password is as an unknown name (NotAuthorizedException), and a token can be revoked twice;
//   - a code for a new password goes only to a confirmed address, and ResendConfirmationCode is there.
//
// What neither has: attempts are not limited, codes do not expire, password policies are not kept, and Forgot says that
// an account does not exist, though its client is told to keep that secret. Everything else is cognito-local's answer.
type gate struct {
	url  string // of the gate
	next string // of cognito-local
	key  jose.JSONWebKey

	mu      sync.Mutex
	secrets map[string]string // by client id
	resent  []string          // to whom a first code was sent again
	calls   map[string]int    // by operation
}

func openGate(t *testing.T) *gate {
	g := &gate{secrets: map[string]string{}, calls: map[string]int{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	g.next = startCognitoLocal(t, g.url, code)
	dir, err := install()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "node_modules/cognito-local/lib/keys/cognitoLocal.private.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		JWK json.RawMessage `json:"jwk"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if err := g.key.UnmarshalJSON(file.JWK); err != nil {
		t.Fatal(err)
	}
	g.key.KeyID = "CognitoLocal"
	return g
}

// client is the real SDK's.
func (g *gate) client(url string) *cognitoidp.Client {
	return cognitoidp.New(cognitoidp.Options{Region: "local", BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")})
}

// pool makes a pool as Terraform does, and what speaks to it.
func (g *gate) pool(t *testing.T) (*cognito.Pool, cognito.Config) {
	t.Helper()
	ctx, admin := t.Context(), g.client(g.next)
	made, err := admin.CreateUserPool(ctx, &cognitoidp.CreateUserPoolInput{PoolName: aws.String("people"), AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypeEmail}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.UserPool.Id
	client, err := admin.CreateUserPoolClient(ctx, &cognitoidp.CreateUserPoolClientInput{UserPoolId: id, ClientName: aws.String("back-end"), GenerateSecret: true,
		AccessTokenValidity: aws.Int32(10), IdTokenValidity: aws.Int32(10), RefreshTokenValidity: 365,
		TokenValidityUnits: &types.TokenValidityUnitsType{AccessToken: types.TimeUnitsTypeMinutes, IdToken: types.TimeUnitsTypeMinutes, RefreshToken: types.TimeUnitsTypeDays}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateGroup(ctx, &cognitoidp.CreateGroupInput{UserPoolId: id, GroupName: aws.String(cognito.AdminGroup)}); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.secrets[*client.UserPoolClient.ClientId] = *client.UserPoolClient.ClientSecret
	g.mu.Unlock()
	c := cognito.Config{Client: g.client(g.url), UserPoolID: *id, ClientID: *client.UserPoolClient.ClientId}
	p, err := cognito.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

// call is what the gate reads of a request.
type call struct {
	ClientID       string `json:"ClientId"`
	Username       string
	SecretHash     string
	ClientSecret   string
	AuthParameters map[string]string
}

// ServeHTTP passes a request on, or answers it as Cognito would.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	g.calls[operation]++
	g.mu.Unlock()
	var c call
	_ = json.Unmarshal(body, &c) // a request for keys has none
	switch operation {
	case "SignUp", "ConfirmSignUp", "ForgotPassword", "ConfirmForgotPassword", "ResendConfirmationCode", "InitiateAuth", "RevokeToken":
		if !g.ours(operation, &c) {
			refuse(w, "NotAuthorizedException", "Unable to verify secret hash for client "+c.ClientID)
			return
		}
	}
	if operation == "ResendConfirmationCode" {
		g.mu.Lock()
		g.resent = append(g.resent, c.Username)
		g.mu.Unlock()
		_, _ = w.Write([]byte("{}"))
		return
	}
	if operation == "ForgotPassword" && g.unconfirmed(r.Context(), &c) {
		refuse(w, "InvalidParameterException", "Cannot reset password for the user as there is no registered/verified email or phone_number")
		return
	}
	status, header, answer, err := g.pass(r, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	if operation == "RevokeToken" && bytes.Contains(answer, []byte("NotAuthorizedException")) {
		status, answer = http.StatusOK, []byte("{}")
	}
	if operation == "InitiateAuth" && bytes.Contains(answer, []byte("InvalidPasswordException")) {
		refuse(w, "NotAuthorizedException", "Incorrect username or password.")
		return
	}
	if operation == "InitiateAuth" && status == http.StatusOK {
		answer = g.nameSession(answer, c.AuthParameters["REFRESH_TOKEN"])
	}
	w.Header().Set("Content-Type", header.Get("Content-Type"))
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": message})
}

func (g *gate) pass(r *http.Request, body []byte) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, g.next+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, answer, err
}

// ours says whether a call has the client's secret, or a hash made with it.
func (g *gate) ours(operation string, c *call) bool {
	g.mu.Lock()
	secret := g.secrets[c.ClientID]
	g.mu.Unlock()
	if operation == "RevokeToken" {
		return c.ClientSecret == secret
	}
	username, hash := c.Username, c.SecretHash
	if operation == "InitiateAuth" {
		username, hash = c.AuthParameters["USERNAME"], c.AuthParameters["SECRET_HASH"]
		if token := c.AuthParameters["REFRESH_TOKEN"]; token != "" {
			username, _ = claimsOf(token)["cognito:username"].(string)
		}
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(username + c.ClientID))
	return hash == base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (g *gate) unconfirmed(ctx context.Context, c *call) bool {
	admin := g.client(g.next)
	pools, err := admin.ListUserPools(ctx, &cognitoidp.ListUserPoolsInput{MaxResults: aws.Int32(60)})
	if err != nil {
		return false
	}
	for _, p := range pools.UserPools {
		if _, err := admin.DescribeUserPoolClient(ctx, &cognitoidp.DescribeUserPoolClientInput{UserPoolId: p.Id, ClientId: &c.ClientID}); err != nil {
			continue
		}
		u, err := admin.AdminGetUser(ctx, &cognitoidp.AdminGetUserInput{UserPoolId: p.Id, Username: &c.Username})
		return err == nil && u.UserStatus == types.UserStatusTypeUnconfirmed
	}
	return false
}

// nameSession puts into an access token which session it is of: the id of the refresh token that began it.
func (g *gate) nameSession(answer []byte, refresh string) []byte {
	var out map[string]any
	if json.Unmarshal(answer, &out) != nil || out["AuthenticationResult"] == nil {
		return answer
	}
	result := out["AuthenticationResult"].(map[string]any)
	if refresh == "" {
		refresh = result["RefreshToken"].(string)
	}
	claims := claimsOf(result["AccessToken"].(string))
	claims["origin_jti"] = claimsOf(refresh)["jti"]
	result["AccessToken"] = g.sign(claims)
	answer, _ = json.Marshal(out)
	return answer
}

// sign makes a token as cognito-local would.
func (g *gate) sign(claims any) string { return signed(jose.RS256, g.key, claims) }

func signed(alg jose.SignatureAlgorithm, key any, claims any) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		panic(err)
	}
	token, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return token
}

func claimsOf(token string) map[string]any {
	var c map[string]any
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	_ = json.Unmarshal(raw, &c)
	return c
}

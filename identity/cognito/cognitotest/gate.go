package cognitotest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// gate stands before cognito-local and does what Cognito does and cognito-local (5.3.0) does not:
//   - the secret hash, or the secret, of a client is demanded and checked;
//   - access tokens name their session (origin_jti), the same after each renewal;
//   - a wrong password is as an unknown name (NotAuthorizedException), and a token can be revoked twice;
//   - a code for a new password goes only to a confirmed address, and ResendConfirmationCode is there.
//
// What neither has: attempts are not limited, codes do not expire, password policies are not kept, and Forgot says that
// an account does not exist, though its client is told to keep that secret. Everything else is cognito-local's answer.
type gate struct {
	key jose.JSONWebKey

	mu      sync.Mutex        // guards what follows
	next    string            // URL of cognito-local
	secrets map[string]string // by client id
	resent  []string          // to whom a first code was sent again
	calls   map[string]int    // by operation
}

func newGate(key jose.JSONWebKey) *gate {
	return &gate{key: key, secrets: map[string]string{}, calls: map[string]int{}}
}

// setNext sets where requests are passed on to.
func (g *gate) setNext(url string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = url
}

// know remembers the secret of a client.
func (g *gate) know(clientID, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.secrets[clientID] = secret
}

// cognitoLocal is where requests are passed on to.
func (g *gate) cognitoLocal() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next
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
	req, err := http.NewRequestWithContext(r.Context(), r.Method, g.cognitoLocal()+r.URL.Path, bytes.NewReader(body))
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
			username, _ = ClaimsOf(token)["cognito:username"].(string)
		}
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(username + c.ClientID))
	return hash == base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func (g *gate) unconfirmed(ctx context.Context, c *call) bool {
	admin := Client(g.cognitoLocal())
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
	claims := ClaimsOf(result["AccessToken"].(string))
	claims["origin_jti"] = ClaimsOf(refresh)["jti"]
	result["AccessToken"] = Signed(jose.RS256, g.key, claims)
	answer, _ = json.Marshal(out)
	return answer
}

// Signed makes a token that is signed by any key.
func Signed(alg jose.SignatureAlgorithm, key any, claims any) string {
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

// ClaimsOf reads a token without looking at its signature; nil if it is none.
func ClaimsOf(token string) map[string]any {
	var c map[string]any
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	_ = json.Unmarshal(raw, &c)
	return c
}

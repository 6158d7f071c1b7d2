package scenarios

import (
	"net/http"
	"testing"
	"time"

	"parley/awsdev"
	"parley/chat"
	"parley/client"
	"parley/identity/cognito/cognitotest"
)

// TestOnAWSWithCognito: the accounts are Cognito's, and everything else is as ever: one registers, confirms, logs in,
// sends and hears by sockets, gets a new password, and logs out, after which nothing is heard any more.
func TestOnAWSWithCognito(t *testing.T) {
	pool, err := cognitotest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Stop)
	userPool, userPoolClient, err := pool.NewPool(t.Context(), "administrators")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := bootAWS(t, func(c *awsdev.Config) {
		c.Env = append(c.Env, "PARLEY_IDENTITY=cognito", "PARLEY_COGNITO_USER_POOL_ID="+userPool, "PARLEY_COGNITO_CLIENT_ID="+userPoolClient,
			"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="+pool.URL)
	})
	post := func(path, body string, want int) {
		t.Helper()
		if status, code, answer := ask(t, h, nil, http.MethodPost, "/api/v1/auth/"+path, body); status != want {
			t.Errorf("%s: %d %s %s", path, status, code, answer)
		}
	}
	confirmed := func(name string) *person {
		t.Helper()
		p := h.at(t, name)
		if _, err := p.Register(t.Context(), client.Registration{Username: name, Email: name + "@example.org", Password: password}); err != nil {
			t.Fatalf("register %s: %v", name, err)
		}
		if _, err := p.Login(t.Context(), name, password); err == nil {
			t.Errorf("%s is let in before they confirmed", name)
		}
		post("confirm", `{"username":"`+name+`","code":"000000"}`, http.StatusBadRequest)
		post("confirm", `{"username":"`+name+`","code":"`+cognitotest.Code+`"}`, http.StatusNoContent)
		p.login(t)
		return p
	}
	ann, bob := confirmed("ann"), confirmed("bob")
	garden := public(t, "garden", ann, bob)
	annHears, bobHears := ann.listen(t), bob.listen(t)
	m, err := annHears.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "hello", ClientMessageID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	bobHears.awaitMessage(t, m)
	if m, err = bobHears.Send(t.Context(), chat.NewMessage{RoomID: garden, Content: "hello, ann", ClientMessageID: "1"}); err != nil {
		t.Fatal(err)
	}
	annHears.awaitMessage(t, m)

	socket, ended := bob.socket(t, h), make(chan struct{})
	go func() {
		ending(socket)
		close(ended)
	}()
	if err := bob.Logout(t.Context()); err != nil {
		t.Fatalf("log out: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("a socket of who logged out goes on")
	}
	annHears.awaitMessage(t, ann.say(t, garden, "is bob still here?"))
	bobHears.never(t, "what was said after they logged out", func(ev client.Event) bool {
		return ev.NewMessage != nil && ev.NewMessage.Content == "is bob still here?"
	})
	const another = "another horse battery staple"
	post("forgot", `{"username":"bob"}`, http.StatusNoContent)
	post("reset", `{"username":"bob","code":"`+cognitotest.Code+`","password":"`+another+`"}`, http.StatusNoContent)
	if _, err := bob.Login(t.Context(), "bob", password); chat.CodeOf(err) != chat.Unauthenticated {
		t.Errorf("the old password: %v", err)
	}
	if _, err := bob.Login(t.Context(), "bob", another); err != nil {
		t.Errorf("the new password: %v", err)
	}
	bob.say(t, garden, "I am again")
}

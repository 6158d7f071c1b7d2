package chat

// PushSubscription is where one browser of one person is reached by Web Push. Endpoint, P256dh and Auth are secrets: who
// has them can write to that browser.
type PushSubscription struct {
	SubscriptionID string // follows from the endpoint
	UserID         string
	SessionID      string // the sign-in that it ends with
	Endpoint       string // URL at the push service
	P256dh         []byte // public key of the browser: 65 bytes, an uncompressed point on P-256
	Auth           []byte // 16 bytes shared with the browser
	Device         string // as its person calls it
	Language       string // of the texts it is shown: a language tag, or empty
	Origin         string // where the app was reached when it subscribed, such as https://chat.example.org
	CreatedAt      Millis
	LastUsedAt     Millis // of the last push that was taken, give or take an hour
	Failure        string // a sentence: why the last push was not taken; empty if it was
}

// NewPushSubscription is a subscription as a browser gives it; the keys are base64url.
type NewPushSubscription struct {
	UserID, SessionID        string
	Endpoint, P256dh, Auth   string
	Device, Language, Origin string
}

// PushResult tells how a push to one device ended.
type PushResult struct {
	SubscriptionID string
	Device         string
	OK             bool
	Reason         string // a sentence, unless OK
}

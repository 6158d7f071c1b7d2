package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"gocloud.dev/blob"

	"parley/apigateway"
	"parley/chat"
	"parley/files"
	"parley/httpapi"
	"parley/identity"
	"parley/identity/cognito"
	"parley/limit"
	"parley/names"
	"parley/notify"
	"parley/queue"
	"parley/store"
	"parley/store/dynamo"
	"parley/wiring/accounts"
)

// house is all that functions are made of. What is not made yet is made when it is first asked for.
type house struct {
	Config
	store     *store.Store // set with tables
	tables    lazy[*store.Store]
	aws       lazy[aws.Config]
	bucket    lazy[*blob.Bucket]
	limiter   lazy[*limit.Shared]
	deliverer lazy[*apigateway.Deliverer]
	service   lazy[*chat.Service]
	accounts  lazy[accounts.Accounts]
	sockets   lazy[*apigateway.Socket]
	api       lazy[http.Handler]

	notifier   lazy[*notify.Notifier]
	notifyJobs lazy[chat.Jobs]
}

// lazy is a value that is made when it is first wanted. Making it is tried again after a failure.
type lazy[T any] struct {
	make func(ctx context.Context) (T, error)

	mu    sync.Mutex // guards what follows
	value T
	made  bool
}

func (l *lazy[T]) get(ctx context.Context) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.made {
		return l.value, nil
	}
	v, err := l.make(ctx)
	if err == nil {
		l.value, l.made = v, true
	}
	return v, err
}

// Sizes of what people upload, as on one machine.
const (
	avatarBytes = 5 << 20
	fileBytes   = 25 << 20
	fileQuota   = 1 << 30
)

func newHouse(c Config) *house {
	h := &house{Config: c}
	h.aws.make = func(ctx context.Context) (aws.Config, error) { return config.LoadDefaultConfig(ctx) }
	h.tables.make = h.openTables
	h.bucket.make = h.openBucket
	h.limiter.make = h.makeLimiter
	h.deliverer.make = h.makeDeliverer
	h.service.make = h.makeService
	h.accounts.make = h.makeAccounts
	h.sockets.make = h.makeSockets
	h.api.make = h.makeAPI
	h.notifier.make = h.makeNotifier
	h.notifyJobs.make = h.makeNotifyJobs
	return h
}

func (h *house) openTables(ctx context.Context) (*store.Store, error) {
	cfg, err := h.aws.get(ctx)
	if err != nil {
		return nil, err
	}
	db, err := dynamo.Open(dynamo.Options{Client: dynamodb.NewFromConfig(cfg), Prefix: h.TablePrefix, Schemas: store.Schemas()})
	if err != nil {
		return nil, fmt.Errorf("open the tables: %w", err)
	}
	h.store = store.New(db, nil)
	return h.store, nil
}

func (h *house) openBucket(ctx context.Context) (*blob.Bucket, error) {
	cfg, err := h.aws.get(ctx)
	if err != nil {
		return nil, err
	}
	return files.OpenS3(ctx, cfg, h.FilesBucket)
}

// makeLimiter: what guards passwords and registration is counted for all functions together, all else for each.
func (h *house) makeLimiter(ctx context.Context) (*limit.Shared, error) {
	tables, err := h.tables.get(ctx)
	if err != nil {
		return nil, err
	}
	return limit.NewShared(limit.New(limit.Config{Off: h.LimitsOff}), tables,
		[]chat.Rule{chat.LimitRegister, chat.LimitFailuresAddress, chat.LimitFailuresAccount}, h.Logger), nil
}

func (h *house) makeDeliverer(ctx context.Context) (*apigateway.Deliverer, error) {
	cfg, err := h.aws.get(ctx)
	if err != nil {
		return nil, err
	}
	tables, err := h.tables.get(ctx)
	if err != nil {
		return nil, err
	}
	c := apigateway.Config{Store: tables, Client: apigateway.NewManagement(cfg, h.SocketEndpoint), Direct: h.Direct, Logger: h.Logger}
	if h.FanoutQueue != "" {
		c.Jobs = queue.NewSQS(sqs.NewFromConfig(cfg), h.FanoutQueue)
	}
	c.Offline = func(ctx context.Context, userID string) {
		service, err := h.service.get(ctx)
		if err != nil {
			h.Logger.WarnContext(ctx, "presence was not told", "error", err)
			return
		}
		service.TellPresence(ctx, userID, false)
	}
	return apigateway.NewDeliverer(c), nil
}

func (h *house) makeService(ctx context.Context) (*chat.Service, error) {
	tables, err := h.tables.get(ctx)
	if err != nil {
		return nil, err
	}
	deliverer, err := h.deliverer.get(ctx)
	if err != nil {
		return nil, err
	}
	limiter, err := h.limiter.get(ctx)
	if err != nil {
		return nil, err
	}
	c := chat.Config{Log: tables, Rooms: tables, Markers: tables, Notices: tables, Erasures: tables, Digests: tables, Users: tables, Seen: tables, Deliverer: deliverer,
		Limiter: limiter, Names: names.Precis{}, Reached: tables, Shared: true, Forget: h.forget, Logger: h.Logger}
	attachments, err := h.attachments(ctx)
	if err != nil {
		return nil, err
	}
	c.Files = chat.Files{Uploads: tables, Contents: attachments, MaxBytes: fileBytes, Quota: fileQuota}
	return chat.New(c), nil
}

// forget removes what others keep of an account that is being erased.
func (h *house) forget(ctx context.Context, e chat.Erasure) error {
	who, err := h.accounts.get(ctx)
	if err != nil {
		return err
	}
	bucket, err := h.bucket.get(ctx)
	if err != nil {
		return err
	}
	return errors.Join(who.Forget(ctx, e, files.NewAvatars(bucket, avatarBytes)), files.NewExports(bucket, nil).Remove(ctx, e.UserID))
}

// attachments are kept in the bucket, which signs its links itself.
func (h *house) attachments(ctx context.Context) (*files.Attachments, error) {
	bucket, err := h.bucket.get(ctx)
	if err != nil {
		return nil, err
	}
	return files.NewAttachments(files.AttachmentConfig{Bucket: bucket}), nil
}

func (h *house) makeAccounts(ctx context.Context) (none accounts.Accounts, err error) {
	service, err := h.service.get(ctx)
	if err != nil {
		return none, err
	}
	limiter, err := h.limiter.get(ctx)
	if err != nil {
		return none, err
	}
	deliverer, err := h.deliverer.get(ctx)
	if err != nil {
		return none, err
	}
	local, err := identity.NewLocal(ctx, identity.Config{Store: h.store, Rooms: service, Limiter: limiter, Connections: deliverer,
		Names: names.Precis{}, Registration: h.Registration, Logger: h.Logger})
	if err != nil || h.Identity != "cognito" {
		return accounts.New(local, local), err
	}
	cfg, err := h.aws.get(ctx)
	if err != nil {
		return none, err
	}
	pool, err := cognito.New(cognito.Config{Client: cognitoidp.NewFromConfig(cfg), UserPoolID: h.UserPool, ClientID: h.UserPoolClient})
	if err != nil {
		return none, err
	}
	return accounts.New(local, identity.NewPooled(local, pool)), nil
}

// keepKeys: an access token may have been signed by a key that is younger than this function.
func (h *house) keepKeys(ctx context.Context) error {
	a, err := h.accounts.get(ctx)
	if err != nil {
		return err
	}
	return a.KeepKeys(ctx)
}

func (h *house) makeSockets(ctx context.Context) (*apigateway.Socket, error) {
	service, err := h.service.get(ctx)
	if err != nil {
		return nil, err
	}
	deliverer, err := h.deliverer.get(ctx)
	if err != nil {
		return nil, err
	}
	return apigateway.NewSocket(apigateway.SocketConfig{Service: service, Deliverer: deliverer, Authenticate: h.authenticate,
		Origins: h.origins(), Logger: h.Logger}), nil
}

func (h *house) origins() []string {
	if h.PublicURL == nil {
		return nil
	}
	return []string{h.PublicURL.Scheme + "://" + h.PublicURL.Host}
}

// authenticate says who opens a socket.
func (h *house) authenticate(ctx context.Context, c apigateway.Credentials) (apigateway.Identity, error) {
	if err := h.keepKeys(ctx); err != nil {
		return apigateway.Identity{}, err
	}
	a, err := h.accounts.get(ctx)
	if err != nil {
		return apigateway.Identity{}, err
	}
	p, err := a.Authenticate(ctx, c.Ticket, c.Bearer)
	if err != nil {
		return apigateway.Identity{}, err
	}
	users, err := h.store.Users(ctx, p.UserID)
	if err == nil && len(users) == 0 {
		err = chat.Errorf(chat.Unauthenticated, "This account is no more.")
	}
	if err != nil {
		return apigateway.Identity{}, err
	}
	return apigateway.Identity{UserID: p.UserID, Username: users[0].Username, SessionID: p.SessionID}, nil
}

func (h *house) makeAPI(ctx context.Context) (http.Handler, error) {
	service, err := h.service.get(ctx)
	if err != nil {
		return nil, err
	}
	who, err := h.accounts.get(ctx)
	if err != nil {
		return nil, err
	}
	limiter, err := h.limiter.get(ctx)
	if err != nil {
		return nil, err
	}
	bucket, err := h.bucket.get(ctx)
	if err != nil {
		return nil, err
	}
	attachments, err := h.attachments(ctx)
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Config{Service: service, Push: push{h}, Identity: who, Avatars: files.NewAvatars(bucket, avatarBytes),
		Files: attachments, Exports: files.NewExports(bucket, nil), Limiter: limiter, Await: h.await, PublicURL: h.PublicURL, SocketLife: h.SocketLife, Version: h.Version, Logger: h.Logger})
}

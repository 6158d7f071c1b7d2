package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"parley/apigateway"
	"parley/chat"
	"parley/notify"
	"parley/queue"
)

// untold is a job of the notify queue: tell who is away of a room's messages from a number on.
type untold struct {
	RoomID string `json:"roomId"`
	From   int64  `json:"from"`
}

func (h *house) makeNotifier(ctx context.Context) (*notify.Notifier, error) {
	service, err := h.service.get(ctx)
	if err != nil {
		return nil, err
	}
	c := notify.Config{Key: h.store, Subscriptions: h.store, Rules: service, Users: h.store, Sessions: h.store, Subject: h.VAPIDSubject,
		PublicURL: h.PublicURL, AllowPrivate: h.PushPrivate, Logger: h.Logger}
	if h.VAPIDParameter != "" {
		cfg, err := h.aws.get(ctx)
		if err != nil {
			return nil, err
		}
		c.Key = parameter{ssm.NewFromConfig(cfg), h.VAPIDParameter}
	}
	return notify.New(ctx, c)
}

func (h *house) makeNotifyJobs(ctx context.Context) (chat.Jobs, error) {
	cfg, err := h.aws.get(ctx)
	if err != nil {
		return nil, err
	}
	return queue.NewSQS(sqs.NewFromConfig(cfg), h.NotifyQueue), nil
}

// queueUntold puts the rooms of new messages into the notify queue, for when those who read them had time to. Nothing is
// queued while nobody has subscribed.
func (h *house) queueUntold(ctx context.Context, e events.DynamoDBEvent) error {
	rooms := apigateway.NewMessages(e)
	if len(rooms) == 0 || h.NotifyQueue == "" {
		return nil
	}
	if wanted, err := h.store.AnyPushSubscription(ctx); err != nil || !wanted {
		return err
	}
	jobs := make([]chat.Job, 0, len(rooms))
	for roomID, from := range rooms {
		j, err := untold{roomID, from}.job(notify.Grace)
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	return h.enqueueUntold(ctx, jobs...)
}

func (u untold) job(after time.Duration) (chat.Job, error) {
	body, err := json.Marshal(u)
	return chat.Job{Group: u.RoomID, ID: fmt.Sprint(u.RoomID, "/", u.From), Body: body, After: after}, err
}

func (h *house) enqueueUntold(ctx context.Context, jobs ...chat.Job) error {
	q, err := h.notifyJobs.get(ctx)
	if err != nil {
		return err
	}
	return q.Enqueue(ctx, jobs...)
}

// notify tells people who are away.
func (h *house) notify(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	if _, err := h.notifier.get(ctx); err != nil {
		return events.SQSEventResponse{}, err
	}
	ctx, cancel := shorten(ctx)
	defer cancel()
	return apigateway.Batch(ctx, e, h.tellAway, h.jobFailed(ctx)), nil
}

// tellAway does one job. What cannot be told yet is a job again, for later: a push service that is out of order is nothing
// that an operator could mend.
func (h *house) tellAway(ctx context.Context, body []byte) error {
	n, err := h.notifier.get(ctx)
	if err != nil {
		return err
	}
	var u untold
	if err := json.Unmarshal(body, &u); err != nil || u.RoomID == "" || u.From < 1 {
		return fmt.Errorf("a job that is none: %q", body)
	}
	for {
		done, err := n.Handle(ctx, u.RoomID, u.From, 0)
		if err != nil {
			return err
		}
		again := done.Retry
		if done.UpTo == 0 {
			again = max(again, done.Next)
		}
		switch {
		case again > 0:
			j, err := u.job(again)
			if err != nil {
				return err
			}
			return h.enqueueUntold(ctx, j)
		case !done.More:
			return nil // what is too young has a job of its own
		}
		u.From = done.UpTo + 1
	}
}

// parameter keeps the push key in the parameter store, encrypted.
type parameter struct {
	client *ssm.Client
	name   string
}

var _ chat.PushKey = parameter{}

// PushKey implements chat.PushKey.
func (p parameter) PushKey(ctx context.Context) ([]byte, error) {
	out, err := p.client.GetParameter(ctx, &ssm.GetParameterInput{Name: &p.name, WithDecryption: aws.Bool(true)})
	if _, missing := errors.AsType[*types.ParameterNotFound](err); missing {
		return nil, chat.Errorf(chat.NotFound, "There is no push key.")
	}
	if err != nil {
		return nil, fmt.Errorf("read parameter %s: %w", p.name, err)
	}
	return base64.RawURLEncoding.DecodeString(aws.ToString(out.Parameter.Value))
}

// CreatePushKey implements chat.PushKey.
func (p parameter) CreatePushKey(ctx context.Context, private []byte) error {
	_, err := p.client.PutParameter(ctx, &ssm.PutParameterInput{Name: &p.name, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(false),
		Value: aws.String(base64.RawURLEncoding.EncodeToString(private)), Description: aws.String("Parley's key for Web Push")})
	if _, there := errors.AsType[*types.ParameterAlreadyExists](err); there {
		return chat.ErrExists
	}
	if err != nil {
		return fmt.Errorf("store parameter %s: %w", p.name, err)
	}
	return nil
}

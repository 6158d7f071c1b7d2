// Package lambda is Parley on AWS, put together: the functions behind API Gateway, SQS, a DynamoDB stream and a schedule.
// All are one artifact; each makes only what its events need, when the first one needs it, and keeps it for the next.
package lambda

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"parley/apigateway"
)

// Handler returns what aws-lambda-go calls for the events of one function.
func Handler(c Config) (any, error) {
	h := newHouse(c)
	switch c.Function {
	case "socket":
		return h.socket, nil
	case "http":
		return h.http, nil
	case "fanout":
		return h.fanout, nil
	case "stream":
		return h.stream, nil
	case "notify":
		return h.notify, nil
	case "maintain":
		return h.maintain, nil
	}
	return nil, fmt.Errorf("PARLEY_FUNCTION: %q is not socket, http, fanout, stream, notify or maintain", c.Function)
}

func (h *house) socket(ctx context.Context, e events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	s, err := h.sockets.get(ctx)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	return s.Handle(ctx, e)
}

func (h *house) http(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	handler, err := h.api.get(ctx)
	if err == nil {
		err = h.keepKeys(ctx)
	}
	if err != nil {
		h.Logger.ErrorContext(ctx, "could not serve", "error", err)
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusServiceUnavailable, Headers: map[string]string{"Retry-After": "1"}}, nil
	}
	ctx, cancel := shorten(ctx)
	defer cancel()
	return apigateway.HTTP(handler, h.OriginSecret)(ctx, e)
}

// fanout pushes to parts of large rooms.
func (h *house) fanout(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
	d, err := h.deliverer.get(ctx)
	if err != nil {
		return events.SQSEventResponse{}, err
	}
	ctx, cancel := shorten(ctx)
	defer cancel()
	return apigateway.Batch(ctx, e, d.Work, h.jobFailed(ctx)), nil
}

func (h *house) jobFailed(ctx context.Context) func(id string, err error) {
	return func(id string, err error) { h.Logger.ErrorContext(ctx, "a job failed", "messageId", id, "error", err) }
}

// stream sees to it that what is stored is told, to who is there and to who is away.
func (h *house) stream(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	d, err := h.deliverer.get(ctx)
	if err != nil {
		return events.DynamoDBEventResponse{}, err
	}
	ctx, cancel := shorten(ctx)
	defer cancel()
	if err := h.queueUntold(ctx, e); err != nil {
		return events.DynamoDBEventResponse{}, fmt.Errorf("queue whom to tell: %w", err)
	}
	return d.Stream(ctx, e), nil
}

// shorten ends a context a moment before the function is cut off, so that there is still time to say so.
func shorten(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Second, time.Until(end)/4)))
}

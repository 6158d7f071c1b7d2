// Package chat is the core of Parley: its nouns, its rules, and the ports through which it reaches the world.
// It imports nothing but the standard library.
package chat

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies every refusal. The list is closed: clients act on codes, never on texts.
type Code string

// The codes, as they stand on the wire.
const (
	InvalidRequest  Code = "invalid_request" // the request itself is wrong; repeating it will not help
	Unauthenticated Code = "unauthenticated" // nobody is signed in, or no longer
	Forbidden       Code = "forbidden"       // signed in, but not allowed
	NotFound        Code = "not_found"       // no such thing, or not for the asker to know
	Conflict        Code = "conflict"        // taken, already there, or changed meanwhile
	TooLarge        Code = "too_large"       // over a size limit
	RateLimited     Code = "rate_limited"    // too often; repeat after RetryAfter
	Unavailable     Code = "unavailable"     // cannot serve now; repeat with the same clientMessageId
	Internal        Code = "internal"        // a fault of Parley, logged for the operator
)

// Error is a refusal: a code for programs, a sentence for people, and the cause for the log.
type Error struct {
	Code       Code
	Message    string        // one sentence, without secrets
	Field      string        // the offending field of the request, if one is
	RetryAfter time.Duration // with RateLimited and Unavailable: when to come again; zero is unknown
	Cause      error         // for the log only, never shown to clients
}

// Error is code, sentence and cause, for the log: clients are sent Code and Message.
func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Code) + ": " + e.Message + ": " + e.Cause.Error()
	}
	return string(e.Code) + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an *Error with a code and a sentence.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid makes an InvalidRequest about a field.
func invalid(field, format string, args ...any) *Error {
	return &Error{Code: InvalidRequest, Field: field, Message: fmt.Sprintf(format, args...)}
}

// AsError returns err as an *Error; anything without a code becomes Internal, with a text that tells nothing.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Internal, Message: "Something went wrong on the server.", Cause: err}
}

// CodeOf returns the code of err, Internal for an error without one, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

package cognito

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"parley/chat"
)

// is says whether an error is one of the pool's, by its names. The SDK has a type for those only that an operation lists.
func is(err error, names ...string) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(names, e.ErrorCode())
}

// nobody says whether there is no such account; a pool that is set up as ours does not tell, an imitation may.
func nobody(err error) bool { return is(err, "UserNotFoundException") }

// wrap turns an error of the pool into one of the core: what is too much, what is a moment's trouble, and what is broken.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*chat.Error](err); ok {
		return err
	}
	if is(err, "TooManyRequestsException", "LimitExceededException", "TooManyFailedAttemptsException") {
		return &chat.Error{Code: chat.RateLimited, Message: "Too many attempts. Please wait a while.", RetryAfter: time.Minute, Cause: fmt.Errorf("%s: %w", doing, err)}
	}
	if is(err, "ResourceNotFoundException", "InvalidUserPoolConfigurationException") {
		return fmt.Errorf("%s: %w", doing, err) // set up wrongly: repeating does not help
	}
	cause := fmt.Errorf("%s: %w", doing, err)
	if errors.Is(err, context.Canceled) {
		return cause
	}
	return &chat.Error{Code: chat.Unavailable, Message: "Accounts cannot be reached at the moment. Please try again.", RetryAfter: time.Second, Cause: cause}
}

func errUnsupported(challenge types.ChallengeNameType) error {
	return fmt.Errorf("sign in: the pool asks for %s, which is not supported", challenge)
}

func signUpError(err error) error {
	if is(err, "UsernameExistsException") {
		return &chat.Error{Code: chat.Conflict, Field: "username", Message: "This username is taken."}
	}
	if is(err, "CodeDeliveryFailureException", "InvalidParameterException") {
		return &chat.Error{Code: chat.InvalidRequest, Field: "email", Message: "No code can be sent to this e-mail address."}
	}
	return passwordError("register", err)
}

func passwordError(doing string, err error) error {
	if is(err, "InvalidPasswordException", "PasswordHistoryPolicyViolationException") {
		return &chat.Error{Code: chat.InvalidRequest, Field: "password", Message: "This password is not taken. Choose another one."}
	}
	return wrap(doing, err)
}

// codeError has one answer for a wrong code, an old one, an account that needs none and one that is not there.
func codeError(doing string, err error) error {
	if is(err, "CodeMismatchException", "ExpiredCodeException", "NotAuthorizedException", "InvalidParameterException") || nobody(err) {
		return &chat.Error{Code: chat.InvalidRequest, Field: "code", Message: "This code is not the right one, or not any more."}
	}
	return passwordError(doing, err)
}

// authError has one answer for a wrong password, an unknown name and a disabled account.
func authError(err error) error {
	if is(err, "UserNotConfirmedException") {
		return chat.Errorf(chat.Forbidden, "Please confirm your e-mail address first, with the code that was sent to it.")
	}
	if is(err, "PasswordResetRequiredException") {
		return chat.Errorf(chat.Forbidden, "Your password must be reset first: ask for a code.")
	}
	if is(err, "NotAuthorizedException") || nobody(err) {
		return chat.Errorf(chat.Unauthenticated, "The username or the password is wrong.")
	}
	return wrap("sign in", err)
}

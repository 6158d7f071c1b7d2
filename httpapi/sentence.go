package httpapi

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"parley/chat"
)

// sentences turn what huma's validator says into what follows the name of the field. %s stands for what huma fills in.
func sentences() []struct{ said, means string } {
	return []struct{ said, means string }{
		{validation.MsgExpectedString, "must be a string"},
		{validation.MsgExpectedInteger, "must be an integer"},
		{"invalid integer", "must be an integer"}, // of a parameter
		{validation.MsgExpectedNumber, "must be a number"},
		{validation.MsgExpectedBoolean, "must be true or false"},
		{"invalid boolean", "must be true or false"},
		{validation.MsgExpectedArray, "must be a list"},
		{validation.MsgExpectedObject, "must be an object"},
		{validation.MsgExpectedRequiredProperty, "is missing"},
		{"required query parameter is missing", "is missing"},
		{validation.MsgExpectedOneOf, "must be one of %s"},
		{validation.MsgExpectedMinimumNumber, "must be at least %s"},
		{validation.MsgExpectedMaximumNumber, "must be at most %s"},
		{validation.MsgExpectedMinLength, "must have at least %s characters"},
		{validation.MsgExpectedMaxLength, "must have at most %s characters"},
		{validation.MsgExpectedMinItems, "must have at least %s entries"},
		{validation.MsgExpectedMaxItems, "must have at most %s entries"},
	}
}

// unfit is the refusal of a request that does not fit the schema.
func unfit(d *huma.ErrorDetail) *chat.Error {
	_, field, _ := strings.Cut(d.Location, ".") // "body.name", "query.limit"
	name := field
	if field == "" {
		name = "The body"
	}
	for _, s := range sentences() {
		value, ok := filled(s.said, d.Message)
		switch {
		case !ok:
			continue
		case s.said == validation.MsgExpectedRequiredProperty: // the validator names the object that lacks it
			field = strings.TrimPrefix(field+"."+value, ".")
			name = field
		}
		return &chat.Error{Code: chat.InvalidRequest, Field: field, Message: name + " " + strings.Replace(s.means, "%s", value, 1) + "."}
	}
	if field == "" { // of readJSON: a sentence already
		return chat.Errorf(chat.InvalidRequest, "%s", sentence(d.Message))
	}
	return &chat.Error{Code: chat.InvalidRequest, Field: field, Message: name + " is not valid."}
}

// filled tells whether message is the format with one value filled in, and which.
func filled(format, message string) (value string, ok bool) {
	i := strings.IndexByte(format, '%')
	if i < 0 {
		return "", message == format
	}
	value, ok = strings.CutPrefix(message, format[:i])
	if !ok {
		return "", false
	}
	return strings.CutSuffix(value, format[i+2:])
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

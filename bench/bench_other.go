//go:build !linux

package bench

import "context"

// Run returns ErrUnsupported.
func Run(context.Context, Options) error { return ErrUnsupported }

// Floor returns ErrUnsupported.
func Floor(context.Context, string, func(address string)) error { return ErrUnsupported }

package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"sync"

	"github.com/fanfarehq/fanfare"
)

// cursorSetting is the store's setting that keeps the key of cursors.
const cursorSetting = "cursor_key"

// sealDigits are of the 16 bytes of a seal, in base64.
const sealDigits = 22

// A cursorKey seals the cursors of lists and polls, so that those who are given
// them can neither change them nor make their own.
type cursorKey struct {
	mu  sync.Mutex
	key []byte
}

// ready makes the key, or reads the one made before.
func (k *cursorKey) ready(ctx context.Context, hub *fanfare.Hub) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		k.key, err = hub.StoredKey(ctx, cursorSetting)
	}
	return err
}

// seal adds the seal to a cursor's text. The key must be ready.
func (k *cursorKey) seal(text string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(text))
	return text + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// open takes the seal off; ok is false where it is not of this text.
func (k *cursorKey) open(sealed string) (text string, ok bool) {
	if len(sealed) > 512 || len(sealed) < sealDigits {
		return "", false
	}
	text = sealed[:len(sealed)-sealDigits]
	return text, hmac.Equal([]byte(k.seal(text)), []byte(sealed))
}

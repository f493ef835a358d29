package api

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/fanfarehq/fanfare"
)

// placeSetting is the store's setting that keeps the key of places.
const placeSetting = "event_place_key"

// A placeCipher turns places among all attempts into ids of events, and back. A
// place says how much happens on the whole server, which is nobody's business who
// sees one application of it; so it is encrypted, one block, with a mark of the
// stream it is of.
type placeCipher struct {
	mu    sync.Mutex
	block cipher.Block
}

// ready makes the key, or reads the one made before.
func (p *placeCipher) ready(ctx context.Context, hub *fanfare.Hub) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.block != nil {
		return nil
	}
	key, err := hub.StoredKey(ctx, placeSetting)
	if err != nil {
		return err
	}
	p.block, err = aes.NewCipher(key)
	return err
}

// seal writes a place of a stream. It must be ready.
func (p *placeCipher) seal(app fanfare.ApplicationID, place fanfare.Place) string {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint64(b[:8], uint64(place))
	copy(b[8:], markOfStream(app))
	p.block.Encrypt(b[:], b[:])
	return hex.EncodeToString(b[:])
}

// open reads what seal wrote; ok is false for anything else.
func (p *placeCipher) open(app fanfare.ApplicationID, id string) (place fanfare.Place, ok bool) {
	var b [aes.BlockSize]byte
	if n, err := hex.Decode(b[:], []byte(id[:min(len(id), 2*len(b))])); err != nil || n != len(b) || len(id) != 2*len(b) {
		return 0, false
	}
	p.block.Decrypt(b[:], b[:])
	place = fanfare.Place(binary.BigEndian.Uint64(b[:8]))
	return place, string(b[8:]) == string(markOfStream(app)) && place >= 0
}

func markOfStream(app fanfare.ApplicationID) []byte {
	sum := sha256.Sum256([]byte("attempts\n" + app))
	return sum[:8]
}

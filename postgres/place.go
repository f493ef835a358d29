package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// An attempt's place is its transaction and its number therein. Transactions are counted
// by the cluster of databases, and one that a dump is restored into may have counted
// less far: then what is added to a place makes up for it.

const (
	// placeBits is how many bits of a place are the number within the transaction.
	placeBits = 20
	// placeGap is by how many transactions places leap when a database is found in
	// another cluster: there may be readers who are further than the dump was.
	placeGap = 1 << 32
)

// selectPlaces reads the least transaction that is still to come, and the last place
// there is or was.
const selectPlaces = `
	SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
		greatest((SELECT max(place) FROM attempt), (SELECT place FROM newest)),
		(SELECT n FROM counter WHERE name = 'place'),
		(SELECT n FROM counter WHERE name = 'cluster')`

const setCounter = `
	INSERT INTO counter (name, n)
	VALUES ($1, $2)
	ON CONFLICT (name) DO UPDATE
	SET n = $2`

// continuePlaces sees that the places to come are behind those that there are, and finds
// out whether the database is in another cluster than it was: then it was restored
// there, and the nodes that it knows of are not.
func (s *Store) continuePlaces(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		cluster, err := clusterOf(ctx, tx)
		if err != nil {
			return err
		}
		var next, last, added, known int64
		if err := tx.QueryRow(ctx, selectPlaces).Scan(&next, &last, &added, &known); err != nil {
			return err
		}
		moved := known != 0 && cluster != 0 && cluster != known
		if moved || last >= added+next<<placeBits {
			least := max(last>>placeBits, added>>placeBits+next)
			if _, err := tx.Exec(ctx, setCounter, "place", (least-next+placeGap)<<placeBits); err != nil {
				return err
			}
		}
		if moved {
			if _, err := tx.Exec(ctx, "DELETE FROM node"); err != nil {
				return err
			}
		}
		if cluster != 0 && cluster != known {
			_, err = tx.Exec(ctx, setCounter, "cluster", cluster)
		}
		return err
	})
}

// clusterOf names the cluster of databases that this one is in; 0 where the user may not
// ask.
func clusterOf(ctx context.Context, tx pgx.Tx) (cluster int64, err error) {
	allowed := false
	err = tx.QueryRow(ctx, "SELECT has_function_privilege('pg_control_system()', 'execute')").Scan(&allowed)
	if err == nil && allowed {
		err = tx.QueryRow(ctx, "SELECT system_identifier FROM pg_control_system()").Scan(&cluster)
	}
	return cluster, err
}

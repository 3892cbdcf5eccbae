/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** SQLite databases of results (docs/results.md has the schema): everything between open and commit is one transaction. */
typedef struct _LusToolDatabase LusToolDatabase;

/** Opens or makes @path, with all tables; waits up to a minute for other programs that write it. LUS_ERROR_INVALID: another
 *  database, or of another schema. */
LusToolDatabase *lus_tool_database_open(const char *path, GError **error);
/** Without commit nothing was changed. */
void lus_tool_database_close(LusToolDatabase *database);
gboolean lus_tool_database_commit(LusToolDatabase *database, GError **error);
/** Runs @sql with a value for each ?, by @types: s text (NULL: NULL), d double (NaN: NULL), i gint64 (< 0: NULL). */
gboolean lus_tool_database_put(LusToolDatabase *database, const char *sql, const char *types, GError **error, ...);
/** All rows of the database at @path go into @database. Rows of one name in both must be equal, but one that is done counts
 *  before one that failed. All that are done must be of one model, threshold and cleaning; else LUS_ERROR_INVALID names some. */
gboolean lus_tool_database_merge(LusToolDatabase *database, const char *path, GError **error);
/** Adds the names of all clips to @names (with the value NULL), of those that failed to @failed; both free their keys. */
gboolean lus_tool_database_names(LusToolDatabase *database, GHashTable *names, GHashTable *failed, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusToolDatabase, lus_tool_database_close)

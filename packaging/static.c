/*
 * What the static binary has instead of glibc's own: each of these brings along much that tcptune never calls. Where glibc
 * comes to define one of them beside something else that is needed, the linker says so.
 */

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Rust asks where the stack of a thread ends, so that it can name an overflow; glibc reads that from /proc/self/maps with
 * scanf, 130 KB. Without it, an overflow ends in the same signal, unnamed.
 */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
	(void)thread, (void)attributes;
	return ENOSYS;
}

/* Where a thread keeps its resolver, which comes with every thread, 90 KB: tcptune resolves no names. */
__thread void *__libc_resp;

/*
 * The home directory of somebody who has no $HOME, for a `~` in completions: glibc would load libraries for it that the
 * machine may not have, 150 KB. There is none.
 */
int getpwuid_r(uid_t user, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
	(void)user, (void)entry, (void)buffer, (void)size;
	*result = NULL;
	return ENOENT;
}

/* Texts of errors in another language, 100 KB with the character sets: the locale of a Rust program is always "C". */
char *__dcgettext(const char *domain, const char *text, int category)
{
	(void)domain, (void)category;
	return (char *)text;
}

char *dcgettext(const char *domain, const char *text, int category) __attribute__((alias("__dcgettext")));

/* A failed assertion of glibc, in its words, but by write(2): it would use wide printf, 30 KB. */
void __assert_fail(const char *assertion, const char *file, unsigned int line, const char *function)
{
	(void)file, (void)line, (void)function;
	(void)!write(STDERR_FILENO, assertion, strlen(assertion));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

/*
 * gcc's unwinder, 30 KB. A panic aborts, no thread is cancelled, and there are no tables (static.ld): nothing is ever
 * unwound, and a backtrace is empty.
 */
int _Unwind_Backtrace(void)
{
	return 5; /* _URC_END_OF_STACK */
}

static void never(void)
{
	abort();
}

#define NEVER(name) void name(void) __attribute__((alias("never")))
NEVER(__gcc_personality_v0);
NEVER(_Unwind_FindEnclosingFunction);
NEVER(_Unwind_ForcedUnwind);
NEVER(_Unwind_GetCFA);
NEVER(_Unwind_GetDataRelBase);
NEVER(_Unwind_GetIP);
NEVER(_Unwind_GetIPInfo);
NEVER(_Unwind_GetLanguageSpecificData);
NEVER(_Unwind_GetRegionStart);
NEVER(_Unwind_GetTextRelBase);
NEVER(_Unwind_Resume);
NEVER(_Unwind_SetGR);
NEVER(_Unwind_SetIP);

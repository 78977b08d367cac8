/*
 * scim/base/banned.h - functions that bound nothing or hide their state; the compiler is
 * told to refuse them. Included by each .c file, last.
 */
#ifndef SCIM_BASE_BANNED_H
#define SCIM_BASE_BANNED_H

#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef strncpy
#undef gmtime
#undef localtime
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi strncpy gets
#pragma GCC poison gmtime localtime ctime asctime system popen tmpnam mktemp

#endif

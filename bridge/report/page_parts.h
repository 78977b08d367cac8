/*
 * bridge/report/page_parts.h - the files of the HTML report, as they stand in this folder,
 * made part of the program when it is built.
 */
#ifndef BRIDGE_REPORT_PAGE_PARTS_H
#define BRIDGE_REPORT_PAGE_PARTS_H

#include "scim/base/text.h"

struct slice page_style(void);  /* page.css */
struct slice page_markup(void); /* page.html: what stands in <body> */
struct slice page_script(void); /* page.js */

#endif

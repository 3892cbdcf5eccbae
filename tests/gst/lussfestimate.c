/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
static void add_tests(void)
{
}
int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}

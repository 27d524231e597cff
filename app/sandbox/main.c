#include <stdio.h>

int main(void)
{
    puts("bridgewatch-sandbox " BW_VERSION);
    return 0;
}

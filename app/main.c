#include "app/bridgewatch.h"

int main(int argc, char **argv)
{
    return bw_main(argc, argv);
}
